// A folder for a batch log, which goes with this.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "runner/exec/batch_log.h"

namespace streamrun {

struct LogFolder {
  LogFolder() {
    std::string name = std::filesystem::temp_directory_path() / "batch-log-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~LogFolder() { std::filesystem::remove_all(path); }
  LogFolder(const LogFolder&) = delete;
  LogFolder& operator=(const LogFolder&) = delete;

  std::string log() const { return path + "/log"; }
  std::unique_ptr<BatchLog> opened(std::uint32_t keep = 100) const {
    auto log = BatchLog::open(this->log(), "p", {keep}, false);
    INFO((log ? std::string() : log.error().message));
    REQUIRE(log);
    return std::move(*log);
  }

  std::string path;
};

}  // namespace streamrun
