// The members of a zip file whose bytes lie in it as they are (PKWARE's APPNOTE.TXT 6.3, with zip64).
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

namespace foretell {

class ZipFile {
 public:
  // Reads the central directory; members are looked at when they are asked for. The bytes outlive this. Throws Error.
  ZipFile(std::span<const std::byte> file, std::filesystem::path path);
  static bool is_zip(std::span<const std::byte> file);

  bool has(const std::string& name) const { return members_.contains(name); }
  // The bytes of a member. Throws Error where there is none, and for those that are compressed or encrypted.
  std::span<const std::byte> member(const std::string& name) const;
  // The one member whose name ends so, or "" where there is not exactly one.
  std::string only_name_with_end(std::string_view end) const;

 private:
  struct Member {
    uint16_t flags = 0, method = 0;
    uint64_t stored_bytes = 0, bytes = 0, header = 0;
  };
  class Fields;
  void read_directory(uint64_t offset, uint64_t size, uint64_t count);

  std::span<const std::byte> file_;
  std::filesystem::path path_;
  std::map<std::string, Member> members_;
};

}  // namespace foretell
