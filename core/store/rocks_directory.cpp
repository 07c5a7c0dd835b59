// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace pawl {
namespace {

namespace fs = std::filesystem;

Fault in_use(const fs::path& path) {
  return {Code::denied, path.string() +
                            " is in use by another pawl device (LOCK is held); stop it, or give "
                            "each device a --data directory of its own"};
}

Fault cannot_use(const fs::path& path, int error) {
  const std::string name = path.string();
  if (error == ENOTDIR || error == EEXIST) {
    return {Code::bad_name, name + " is not a directory; name a directory for the store's data"};
  }
  if (error == EACCES || error == EPERM || error == EROFS) {
    return {Code::denied, name + " cannot be written (" + std::strerror(error) +
                              "); let this user write there, or name another directory"};
  }
  if (error == ENOSPC || error == EDQUOT) {
    return {Code::no_space, name + ": no space left on the file system; free some and start again"};
  }
  return {Code::denied, name + " cannot be used: " + std::strerror(error)};
}

// 0, or an errno. Parents get the usual rights; the data itself is its owner's only.
int make_directory(const fs::path& path) {
  std::error_code error;
  const fs::path parent = path.parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error) return error.value();
  if (::mkdir(path.c_str(), 0700) == 0) return 0;
  if (errno != EEXIST) return errno;
  return fs::is_directory(path, error) ? 0 : ENOTDIR;
}

// RocksDB would take a directory that lost its CURRENT file for a new one, and delete the rest.
bool lost_its_current(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path / "CURRENT", error)) return false;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const fs::path extension = entry.path().extension();
    if (extension == ".sst" || extension == ".blob" || extension == ".log") return true;
  }
  return false;
}

Fault damaged(const fs::path& path, const std::string& what) {
  return {Code::unsupported, path.string() + " is damaged (" + what +
                                 "); restore it from a copy, or move it away to start with an "
                                 "empty store"};
}

}  // namespace

Result<std::unique_ptr<RocksDirectory>> RocksDirectory::open(fs::path path) {
  if (path.empty()) return Fault{Code::bad_name, "the store's directory has no name"};
  if (!path.has_filename()) path = path.parent_path();  // "data/" is "data"
  if (const int error = make_directory(path); error != 0) return cannot_use(path, error);
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) return cannot_use(path, errno);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return cannot_use(path, errno);
  std::unique_ptr<RocksDirectory> directory{new RocksDirectory(path, descriptor)};
  // RocksDB has a LOCK of its own, but moves the running store's LOG away before it looks. Where a
  // file system has no flock (some network ones), RocksDB's stands alone.
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return in_use(path);
  if (lost_its_current(path)) return damaged(path, "the file CURRENT is missing");
  return directory;
}

RocksDirectory::~RocksDirectory() {
  ::close(descriptor_);
}

RocksDirectory::Space RocksDirectory::space() const {
  struct statvfs room {};
  if (::fstatvfs(descriptor_, &room) != 0) return {};  // as if full: SENDs are refused, not lost
  const std::uint64_t block = room.f_frsize;
  return {block * room.f_blocks, block * room.f_bavail};
}

Fault open_fault(const fs::path& directory, const rocksdb::Status& status) {
  const std::string text = status.ToString();
  if (text.find("LOCK") != std::string::npos && status.IsIOError()) return in_use(directory);
  if (status.IsNoSpace()) return cannot_use(directory, ENOSPC);
  if (text.find("Permission denied") != std::string::npos) return cannot_use(directory, EACCES);
  if (status.IsCorruption()) return damaged(directory, text);
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return {Code::unsupported, directory.string() + " was written by another version of pawl (" +
                                   text + "); use that version, or another directory"};
  }
  return {Code::denied, directory.string() + " cannot be opened: " + text};
}

}  // namespace pawl
