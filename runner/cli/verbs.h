// The verbs of the command line, one file each. They return the exit code: 0 done, 1 failed while running,
// 2 the command line or the pipeline is wrong.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runner/cli/console.h"
#include "runner/cli/pipeline.h"
#include "runner/exec/run.h"

namespace streamrun {

struct Command {
  std::vector<std::string> files;
  std::map<std::string, std::string, std::less<>> params;
  std::string format = "text";
  std::vector<std::string> topic;  // of help
  std::optional<BatchTime> batch;  // of replay
  std::string output;              // of replay; empty: all
  std::string other;               // of state: the file of another pipeline; empty: none
  RunOptions run;
  bool realtime = false;
  bool allow_exec = false;
  bool quiet = false;
  bool log_json = false;
};

int run_verb(const Command& command, const Catalog& catalog, Console& console);
int validate_verb(const Command& command, const Catalog& catalog, Console& console);
int explain_verb(const Command& command, const Catalog& catalog, Console& console);
int test_verb(const Command& command, const Catalog& catalog, Console& console);
int state_verb(const Command& command, const Catalog& catalog, Console& console);
int replay_verb(const Command& command, const Catalog& catalog, Console& console);
int schema_verb(const Command& command, const Catalog& catalog, Console& console);
int help_verb(const Command& command, const Catalog& catalog, Console& console);

std::uint32_t usable_processors();

}  // namespace streamrun
