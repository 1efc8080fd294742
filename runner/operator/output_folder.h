// A folder that files are written to, and the few things that make a file appear whole or not at all.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {

// Opened once; what is named in it cannot be led elsewhere by a link that is put into its path later.
class OutputFolder {
 public:
  // Opens, and makes what is missing of, `folder` (ends in a slash, or is empty) and `below` it. Components
  // of `below` come from data: none of them may be a symbolic link or `..`.
  // `mode`: of folders that are made.
  static Result<std::shared_ptr<OutputFolder>> open(const std::string& folder, std::string_view below, unsigned mode);

  const std::string& path() const { return path_; }
  // Of a file in it; for messages too.
  std::string path_of(std::string_view name) const { return path_ + std::string(name); }

  // False: there is none. A link, device, FIFO or folder is an error.
  Result<bool> has_file(const std::string& name) const;
  // A new file with just these rights; one of that name is removed first (it is left of a run that was ended).
  Result<FileDescriptor> create(const std::string& name, unsigned mode) const;
  // To append to; made if missing. Never through a link.
  Result<FileDescriptor> open_to_append(const std::string& name, unsigned mode) const;
  Result<FileDescriptor> open_to_read(const std::string& name) const;
  // `keep`: fails if `to` exists.
  Result<> rename(const std::string& from, const std::string& to, bool keep) const;
  void remove(const std::string& name) const;
  Result<> sync() const;

 private:
  FileDescriptor fd_;
  std::string path_;  // with its slash; empty: the working directory
};

// Where a path leads: a folder that is open, and a name in it.
struct FilePlace {
  std::shared_ptr<OutputFolder> folder;
  std::string name;

  std::string path() const { return folder->path_of(name); }
  std::unexpected<Error> exists_failure() const;
};

// Folders stay open while they are used often. Thread-safe: a batch may be staged while another is published.
class OutputFolders {
 public:
  // Paths are below `working_folder`, where they are relative. Who may read the files may enter their folders.
  OutputFolders(std::string working_folder, unsigned file_mode)
      : working_folder_(std::move(working_folder)), mode_(file_mode | (file_mode & 0444U) >> 2U) {}

  // `fixed`: how much of the path's folder no data can change.
  Result<FilePlace> find(const std::string& path, std::size_t fixed);

 private:
  std::string working_folder_;
  unsigned mode_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<OutputFolder>> known_;
};

}  // namespace streamrun
