// Where a pipeline's text holds what nobody may read, under whatever key and in whatever state the file is.
#pragma once

#include <deque>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/config/pipeline_files.h"

namespace streamrun {

// Tells `diagnostics` of the values of keys that name secrets, of the passwords in URLs and of private keys. In a file
// that could not be read as YAML more is hidden than need be, up to the ends of lines.
void find_secrets(const SourceText& source, const std::deque<ParsedFile>& files, Diagnostics& diagnostics);

}  // namespace streamrun
