#include "checkpoint/zip.h"

#include <algorithm>
#include <cstring>

#include "foretell/error.h"

namespace foretell {
namespace {

constexpr uint32_t local_header = 0x04034b50, central_header = 0x02014b50, end_record = 0x06054b50;
constexpr uint32_t zip64_locator = 0x07064b50, zip64_end_record = 0x06064b50;
constexpr size_t end_record_bytes = 22, locator_bytes = 20, longest_comment = 0xffff;
constexpr uint32_t in_zip64 = 0xffffffff;  // the number stands in the zip64 record

}  // namespace

// Numbers one after the other, from an offset of the file on.
class ZipFile::Fields {
 public:
  Fields(const ZipFile& zip, uint64_t offset, const char* what) : zip_(zip), offset_(offset), what_(what) {}

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string text(size_t size) {
    const auto bytes = take(size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::span<const std::byte> take(uint64_t size) {
    if (offset_ > zip_.file_.size() || size > zip_.file_.size() - offset_)
      throw error(std::string(what_) + " lies beyond the end", std::to_string(size) + " bytes");
    const auto bytes = zip_.file_.subspan(offset_, size);
    offset_ += size;
    return bytes;
  }
  void signature(uint32_t expected) {
    if (number<uint32_t>() == expected) return;
    offset_ -= sizeof expected;
    throw error(std::string("not ") + what_, "its signature");
  }
  uint64_t offset() const { return offset_; }
  Error error(std::string what, std::string expected) const {
    return Error({.what = "a damaged zip file: " + what,
                  .file = zip_.path_.string(),
                  .where = "byte " + std::to_string(offset_),
                  .expected = std::move(expected)});
  }

 private:
  const ZipFile& zip_;
  uint64_t offset_;
  const char* what_;
};

bool ZipFile::is_zip(std::span<const std::byte> file) {
  uint32_t signature = 0;
  if (file.size() < end_record_bytes) return false;
  std::memcpy(&signature, file.data(), sizeof signature);
  return signature == local_header;
}

ZipFile::ZipFile(std::span<const std::byte> file, std::filesystem::path path) : file_(file), path_(std::move(path)) {
  // The end record stands before a comment of unknown length, which says how long it is.
  const size_t size = file.size();
  size_t end = size;
  for (size_t comment = 0; comment <= longest_comment && comment + end_record_bytes <= size; comment++) {
    uint32_t signature = 0;
    uint16_t length = 0;
    std::memcpy(&signature, file.data() + size - comment - end_record_bytes, sizeof signature);
    std::memcpy(&length, file.data() + size - comment - sizeof length, sizeof length);
    if (signature != end_record || length != comment) continue;
    end = size - comment - end_record_bytes;
    break;
  }
  if (end == size)
    throw Error({.what = "a damaged zip file: it does not end as one, it may be cut off", .file = path_.string()});
  Fields fields(*this, end, "the end record");
  fields.signature(end_record);
  const auto disk = fields.number<uint16_t>(), directory_disk = fields.number<uint16_t>();
  fields.number<uint16_t>();
  uint64_t count = fields.number<uint16_t>(), bytes = fields.number<uint32_t>(), offset = fields.number<uint32_t>();
  if (disk != directory_disk) throw fields.error("it is in several parts", "one");
  if (count == 0xffff || bytes == in_zip64 || offset == in_zip64) {
    if (end < locator_bytes) throw fields.error("no zip64 record", "one");
    Fields locator(*this, end - locator_bytes, "the zip64 locator");
    locator.signature(zip64_locator);
    locator.number<uint32_t>();
    Fields record(*this, locator.number<uint64_t>(), "the zip64 record");
    record.signature(zip64_end_record);
    record.take(8 + 2 + 2 + 4 + 4 + 8);
    count = record.number<uint64_t>();
    bytes = record.number<uint64_t>();
    offset = record.number<uint64_t>();
  }
  read_directory(offset, bytes, count);
}

void ZipFile::read_directory(uint64_t offset, uint64_t size, uint64_t count) {
  Fields(*this, offset, "the central directory").take(size);
  Fields fields(*this, offset, "the central directory");
  for (uint64_t i = 0; i < count; i++) {
    Member member;
    fields.signature(central_header);
    fields.take(4);
    member.flags = fields.number<uint16_t>();
    member.method = fields.number<uint16_t>();
    fields.take(8);
    member.stored_bytes = fields.number<uint32_t>();
    member.bytes = fields.number<uint32_t>();
    const auto name_size = fields.number<uint16_t>(), extra_size = fields.number<uint16_t>();
    const auto comment_size = fields.number<uint16_t>();
    fields.take(8);
    member.header = fields.number<uint32_t>();
    std::string name = fields.text(name_size);
    const uint64_t extra_end = fields.offset() + extra_size;
    while (fields.offset() + 4 <= extra_end) {
      const auto kind = fields.number<uint16_t>(), field_size = fields.number<uint16_t>();
      const uint64_t field_end = fields.offset() + field_size;
      if (field_end > extra_end) throw fields.error("an extra field is too long", "at most what the header says");
      for (uint64_t* number : {&member.bytes, &member.stored_bytes, &member.header})
        if (kind == 1 && *number == in_zip64 && fields.offset() + 8 <= field_end) *number = fields.number<uint64_t>();
      fields.take(field_end - fields.offset());
    }
    fields.take(extra_end - fields.offset());
    fields.take(comment_size);
    members_[std::move(name)] = member;
  }
}

std::span<const std::byte> ZipFile::member(const std::string& name) const {
  const auto it = members_.find(name);
  if (it == members_.end())
    throw Error({.what = "a member of the zip file is missing", .file = path_.string(), .where = name});
  const Member& member = it->second;
  if (member.method != 0 || (member.flags & 1) != 0 || member.stored_bytes != member.bytes)
    throw Error({.what = "a member of the zip file is not stored as it is",
                 .file = path_.string(),
                 .where = name,
                 .expected = "no compression and no encryption",
                 .found = (member.flags & 1) != 0 ? "encryption" : "method " + std::to_string(member.method)});
  Fields fields(*this, member.header, "a member's header");
  fields.signature(local_header);
  fields.take(22);
  const auto name_size = fields.number<uint16_t>(), extra_size = fields.number<uint16_t>();
  fields.take(uint64_t{name_size} + extra_size);
  return fields.take(member.bytes);
}

std::string ZipFile::only_name_with_end(std::string_view end) const {
  std::string found;
  for (const auto& [name, member] : members_) {
    if (!name.ends_with(end)) continue;
    if (!found.empty()) return "";
    found = name;
  }
  return found;
}

}  // namespace foretell
