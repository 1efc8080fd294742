// A disk under SQLite that loses what was not synced: it fails from a chosen call on, as a machine does whose power
// goes, and forgets what it had not been told to keep.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace streamrun {

// The default of SQLite while it lives. One thread; no database is open when it ends.
class ForgetfulVfs {
 public:
  ForgetfulVfs() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
    vfs_.zName = "forgetful";
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.pAppData = this;
    vfs_.xOpen = &open;
    vfs_.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync) {
      ForgetfulVfs& self = of(vfs);
      return self.goes() ? SQLITE_IOERR : self.real_->xDelete(self.real_, name, sync);
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~ForgetfulVfs() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }
  ForgetfulVfs(const ForgetfulVfs&) = delete;
  ForgetfulVfs& operator=(const ForgetfulVfs&) = delete;

  // The power goes at this call that changes something, counted from now on; 0: never.
  void fail_at(std::uint64_t call) {
    left_ = call;
    gone_ = false;
  }
  bool gone() const { return gone_; }
  // Takes back what was not synced, the last change first. All databases are closed.
  void forget() {
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) change->take_back();
    changes_.clear();
  }

 private:
  struct Change {
    std::string path;
    std::uint64_t size = 0;  // of the file before it
    std::uint64_t offset = 0;
    std::string bytes;  // that stood there
    void take_back() const {
      std::error_code none;
      if (!std::filesystem::exists(path, none)) return;
      {
        std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(offset));
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      }
      std::filesystem::resize_file(path, size, none);
    }
  };
  // The real file stands behind it.
  struct File : sqlite3_file {
    ForgetfulVfs* vfs = nullptr;
    std::string* path = nullptr;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };

  static ForgetfulVfs& of(sqlite3_vfs* vfs) { return *static_cast<ForgetfulVfs*>(vfs->pAppData); }
  static File& of(sqlite3_file* file) { return *static_cast<File*>(file); }

  bool goes() {
    if (left_ != 0 && --left_ == 0) gone_ = true;
    return gone_;
  }

  void note(File& file, std::uint64_t offset, std::uint64_t length) {
    sqlite3_int64 size = 0;
    file.real()->pMethods->xFileSize(file.real(), &size);
    Change change{*file.path, static_cast<std::uint64_t>(size), offset, {}};
    if (offset < change.size) {
      change.bytes.resize(std::min(length, change.size - offset));
      file.real()->pMethods->xRead(file.real(), change.bytes.data(), static_cast<int>(change.bytes.size()),
                                   static_cast<sqlite3_int64>(offset));
    }
    changes_.push_back(std::move(change));
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* made, int flags, int* got) {
    ForgetfulVfs& self = of(vfs);
    File& file = *new (made) File();
    file.pMethods = nullptr;
    const int code = self.real_->xOpen(self.real_, name, file.real(), flags, got);
    if (code != SQLITE_OK) return code;
    file.vfs = &self;
    file.path = &self.paths_.emplace_back(name != nullptr ? name : "");
    file.pMethods = methods(file.real()->pMethods);
    return code;
  }

  static const sqlite3_io_methods* methods(const sqlite3_io_methods* real) {
    static sqlite3_io_methods made;
    made = *real;
    made.iVersion = 2;  // nothing is mapped but what readers share
    made.xClose = [](sqlite3_file* f) { return of(f).real()->pMethods->xClose(of(f).real()); };
    made.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
      return of(f).real()->pMethods->xRead(of(f).real(), to, n, at);
    };
    made.xWrite = [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
      if (of(f).vfs->goes()) return SQLITE_IOERR_WRITE;
      of(f).vfs->note(of(f), static_cast<std::uint64_t>(at), static_cast<std::uint64_t>(n));
      return of(f).real()->pMethods->xWrite(of(f).real(), from, n, at);
    };
    made.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
      if (of(f).vfs->goes()) return SQLITE_IOERR_TRUNCATE;
      of(f).vfs->note(of(f), static_cast<std::uint64_t>(size), UINT64_MAX);
      return of(f).real()->pMethods->xTruncate(of(f).real(), size);
    };
    made.xSync = [](sqlite3_file* f, int flags) {
      if (of(f).vfs->goes()) return SQLITE_IOERR_FSYNC;
      std::erase_if(of(f).vfs->changes_, [&](const Change& change) { return change.path == *of(f).path; });
      return of(f).real()->pMethods->xSync(of(f).real(), flags);
    };
    made.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
      return of(f).real()->pMethods->xFileSize(of(f).real(), size);
    };
    made.xLock = [](sqlite3_file* f, int level) { return of(f).real()->pMethods->xLock(of(f).real(), level); };
    made.xUnlock = [](sqlite3_file* f, int level) { return of(f).real()->pMethods->xUnlock(of(f).real(), level); };
    made.xCheckReservedLock = [](sqlite3_file* f, int* out) {
      return of(f).real()->pMethods->xCheckReservedLock(of(f).real(), out);
    };
    made.xFileControl = [](sqlite3_file* f, int op, void* arg) {
      return of(f).real()->pMethods->xFileControl(of(f).real(), op, arg);
    };
    made.xSectorSize = [](sqlite3_file* f) { return of(f).real()->pMethods->xSectorSize(of(f).real()); };
    made.xDeviceCharacteristics = [](sqlite3_file* f) {
      return of(f).real()->pMethods->xDeviceCharacteristics(of(f).real());
    };
    made.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** to) {
      return of(f).real()->pMethods->xShmMap(of(f).real(), page, size, extend, to);
    };
    made.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
      return of(f).real()->pMethods->xShmLock(of(f).real(), offset, n, flags);
    };
    made.xShmBarrier = [](sqlite3_file* f) { of(f).real()->pMethods->xShmBarrier(of(f).real()); };
    made.xShmUnmap = [](sqlite3_file* f, int remove) {
      return of(f).real()->pMethods->xShmUnmap(of(f).real(), remove);
    };
    return &made;
  }

  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_;
  std::uint64_t left_ = 0;
  bool gone_ = false;
  std::deque<std::string> paths_;
  std::vector<Change> changes_;
};

}  // namespace streamrun
