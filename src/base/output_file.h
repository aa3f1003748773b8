// A file that appears whole or not at all: it is written under another name beside its place and then renamed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace foretell {

class OutputFile {
 public:
  // Throws Error where the file cannot be made. A device or pipe is written to directly; of a symbolic link, what it
  // points to is replaced.
  explicit OutputFile(const std::filesystem::path& path);
  // Removes what was written if it was not committed.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void finish();  // all bytes are on the disk; nothing can be written any more
  void commit();  // after finish(): the file takes its place

 private:
  std::filesystem::path path_;       // what errors name
  std::filesystem::path place_;      // where the file is to appear
  std::filesystem::path temporary_;  // empty: written to directly
  int fd_ = -1;
};

}  // namespace foretell
