// A source of files: which there are is told by a FileSet.
#pragma once

#include <memory>

#include "operators/sources/file_reader.h"
#include "operators/sources/file_set.h"
#include "runner/operator/source.h"

namespace streamrun {

std::unique_ptr<Source> make_file_source(std::shared_ptr<const FileInput> input, std::shared_ptr<FileSet> files,
                                         const Environment& environment);

}  // namespace streamrun
