#include "base/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "foretell/error.h"

namespace foretell {
namespace {

namespace fs = std::filesystem;

Error io_error(const char* what, const fs::path& path, int number) {
  return Error({.what = std::string(what) + ": " + std::strerror(number), .file = path.string()});
}

}  // namespace

OutputFile::OutputFile(const fs::path& path) : path_(path), place_(path) {
  std::error_code ignored;
  if (fs::is_symlink(path, ignored)) place_ = fs::weakly_canonical(path, ignored);
  const fs::file_status there = fs::status(place_, ignored);
  if (fs::is_directory(there)) throw io_error("cannot write the file", path_, EISDIR);
  if (!fs::exists(there) || fs::is_regular_file(there)) {
    temporary_ = place_;
    temporary_ += ".part-" + std::to_string(::getpid());
  }
  fd_ = ::open((temporary_.empty() ? place_ : temporary_).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) throw io_error("cannot write the file", path_, errno);
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw io_error("cannot write the file", path_, errno);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void OutputFile::finish() {
  // A device or pipe has nothing to bring to a disk, and says so.
  if (!temporary_.empty() && ::fsync(fd_) != 0) throw io_error("cannot write the file", path_, errno);
  const int fd = fd_;
  fd_ = -1;
  if (::close(fd) != 0) throw io_error("cannot write the file", path_, errno);
}

void OutputFile::commit() {
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), place_.c_str()) != 0) throw io_error("cannot rename the file", path_, errno);
  temporary_.clear();
  const fs::path folder = place_.parent_path().empty() ? "." : place_.parent_path();
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);  // the name too; file systems without it have renamed all the same
  ::close(fd);
}

}  // namespace foretell
