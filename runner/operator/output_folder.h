// Folders that files are written to, and the few things that make a file appear whole or not at all.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "runner/base/disk.h"
#include "runner/base/result.h"
#include "runner/operator/file_descriptor.h"
#include "runner/operator/read_files.h"
#include "runner/operator/written_files.h"

namespace streamrun {

// Open: what is named in it cannot be led elsewhere by a link that is put into its path later.
class OutputFolder {
 public:
  // `path`: with its slash, or empty; for messages.
  OutputFolder(Disk& disk, FileDescriptor folder, std::string path)
      : disk_(disk), fd_(std::move(folder)), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // Of a file in it; for messages too.
  std::string path_of(std::string_view name) const { return path_ + std::string(name); }
  int descriptor() const { return fd_.get(); }
  Disk& disk() const { return disk_; }

  // False: there is none. A link, device, FIFO or folder is an error.
  Result<bool> has_file(const std::string& name) const;
  // A new file with just these rights, locked.
  Result<FileDescriptor> create(const std::string& name, unsigned mode) const;
  // A plain file that is there, never through a link; `flags` as O_RDONLY.
  Result<FileDescriptor> open_file(const std::string& name, int flags) const;
  // `keep`: fails if `to` exists; nothing is destroyed then, whoever made it.
  Result<> rename(const std::string& from, const std::string& to, bool keep) const;
  Result<> remove(const std::string& name) const;
  Result<> sync() const;
  // All names in it.
  Result<std::vector<std::string>> names() const;

 private:
  Disk& disk_;
  FileDescriptor fd_;
  std::string path_;
};

class OutputFolders;

// Where a path leads: a folder, and a name in it.
struct FilePlace {
  std::shared_ptr<OutputFolders> folders;
  std::string folder;     // with its slash, or empty
  std::size_t fixed = 0;  // how much of it no data can change
  std::string name;

  std::string path() const { return folder + name; }
  // Opened, and made if it is missing.
  Result<std::shared_ptr<OutputFolder>> open() const;
};

// A few folders stay open, those used last. Thread-safe: a batch may be staged while another is published.
class OutputFolders : public std::enable_shared_from_this<OutputFolders> {
 public:
  // Of a folder that this run opens first, before anything is written to it.
  using Tidy = std::function<void(const OutputFolder&)>;

  // Paths are below the environment's working folder, where they are relative. Who may read the files may enter their
  // folders.
  OutputFolders(const Environment& environment, unsigned file_mode, Tidy tidy);

  // `fixed`: how much of the path no data can change: what is behind is walked without following links.
  FilePlace find(const std::string& path, std::size_t fixed);
  // An error where the place is that of a file that the run reads, fatal for the batch.
  Result<std::shared_ptr<OutputFolder>> open(const FilePlace& place);
  // Whether it is there; none is made.
  bool has(const std::string& folder) const;
  // Tidies the folders that stand so many levels below `folder`, as they are: links are not followed, and what cannot
  // be looked into is left alone.
  void tidy_below(const std::string& folder, std::size_t levels);
  // Why no output may write to `path`, if something reads it. None of its files is opened.
  std::optional<std::string> read_fault(const std::string& path) const;
  // The same of a file that was opened at it.
  std::optional<std::string> read_fault(const std::string& path, FileId file) const;
  const std::shared_ptr<WrittenFiles>& files() const { return files_; }
  Disk& disk() const { return disk_; }
  void warn(const std::string& message) const;

 private:
  struct Known {
    std::string path;
    std::shared_ptr<OutputFolder> folder;
  };
  // Nothing but a folder that its path still leads to.
  std::shared_ptr<OutputFolder> known(const std::string& path);
  Result<FileDescriptor> walk(const FilePlace& place) const;
  void tidy_once(const OutputFolder& folder);
  void tidy_below(const OutputFolder& folder, std::size_t levels);

  Disk& disk_;
  std::string working_folder_;
  unsigned mode_;
  Tidy tidy_;
  std::shared_ptr<WrittenFiles> files_;
  std::shared_ptr<ReadFiles> read_files_;
  std::function<void(LogLevel, const std::string&)> log_;
  std::mutex mutex_;
  std::deque<Known> known_;  // the one used last in front
  std::unordered_set<std::string> tidied_;
};

// How many descriptors one output may keep for files, and for folders.
std::size_t descriptors_to_keep(std::size_t at_most);

}  // namespace streamrun
