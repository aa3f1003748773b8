// A file mapped read-only into memory, with some readable bytes after its end. Move-only; the mapping ends with the
// object.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace foretell {

class MappedFile {
 public:
  static constexpr size_t padding = 64;  // bytes after the end that parsers may read

  MappedFile() = default;
  // Throws Error where the file cannot be opened, is no regular file or cannot be mapped. An empty file maps to no
  // bytes.
  explicit MappedFile(std::filesystem::path path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Lets go of the resident pages that lie wholly inside `bytes` of some mapping; they are read again if touched again.
void release_pages(std::span<const std::byte> bytes);

// Asks the system to read them from the disk in the background.
void read_ahead(std::span<const std::byte> bytes);

// What lies side by side joined into few ranges, in order.
std::vector<std::span<const std::byte>> join_ranges(std::vector<std::span<const std::byte>> ranges);

// False too where it cannot be told; opening says why.
bool file_exists(const std::filesystem::path& path);

// The whole content of a (small) file, for example a config. Throws Error.
std::string read_text_file(const std::filesystem::path& path);

}  // namespace foretell
