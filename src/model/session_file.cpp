#include "model/session_file.h"

#include <cstring>
#include <string>

#include "base/hash.h"
#include "foretell/error.h"

namespace foretell {
namespace {

constexpr char magic[] = "foretell session";
static_assert(sizeof magic == sizeof SessionHeader::magic + 1);
constexpr uint32_t version = 2;

}  // namespace

SessionHeader new_session_header() {
  SessionHeader header = {};
  std::memcpy(header.magic, magic, sizeof header.magic);
  header.version = version;
  return header;
}

uint64_t session_checksum(uint64_t before, std::span<const std::byte> bytes) {
  const uint64_t own = hash_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return fold(before ^ 0x9e3779b97f4a7c15, own ^ 0xe7037ed1a0b428db) + own;
}

SessionParts parse_session(std::span<const std::byte> bytes, const std::filesystem::path& file) {
  SessionParts parts = {};
  SessionHeader& h = parts.header;
  const auto damaged = [&](const std::string& expected, const std::string& found) {
    return Error({.what = "the session is damaged", .file = file.string(), .expected = expected, .found = found});
  };
  if (bytes.size() < sizeof magic - 1 || std::memcmp(bytes.data(), magic, sizeof magic - 1) != 0)
    throw Error({.what = "this is no session", .file = file.string(), .expected = "a file that --session has written"});
  if (bytes.size() < sizeof h + sizeof(uint64_t))
    throw damaged("at least " + std::to_string(sizeof h + sizeof(uint64_t)) + " bytes", std::to_string(bytes.size()));
  std::memcpy(&h, bytes.data(), sizeof h);
  if (h.version != version)
    throw Error({.what = "a session of another version of this program",
                 .file = file.string(),
                 .expected = "version " + std::to_string(version),
                 .found = std::to_string(h.version)});
  size_t left = bytes.size() - sizeof h - sizeof(uint64_t);
  const auto take = [&](uint64_t count, uint64_t size) {
    if (size != 0 && count > left / size)
      throw damaged("more bytes than " + std::to_string(bytes.size()), "the end of the file");
    const std::span<const std::byte> part = bytes.subspan(bytes.size() - sizeof(uint64_t) - left, count * size);
    left -= part.size();
    return part;
  };
  const std::span<const std::byte> ids = take(h.ids, sizeof(TokenId));
  parts.blocks = take(h.blocks, h.block_bytes);
  parts.state = take(h.state_floats, sizeof(float));
  if (left != 0) throw damaged(std::to_string(bytes.size() - left) + " bytes", std::to_string(bytes.size()));
  uint64_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + bytes.size() - sizeof checksum, sizeof checksum);
  uint64_t found = 0;
  const auto head = std::as_bytes(std::span(&h, 1));
  for (const auto part : {head, ids, parts.blocks, parts.state}) found = session_checksum(found, part);
  if (found != checksum) throw damaged("its checksum", "another one");
  if (h.tokens > h.ids || h.held > h.tokens) throw damaged("at most as many tokens read as there are", "more");
  parts.ids.resize(h.ids);
  if (!ids.empty()) std::memcpy(parts.ids.data(), ids.data(), ids.size());
  return parts;
}

}  // namespace foretell
