// The layout of a session's file, little-endian: a header, the ids (int32), the blocks of keys and values, the state
// (float32), and a checksum of all that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "foretell/token_id.h"

namespace foretell {

struct SessionHeader {
  char magic[16];
  uint32_t version;
  uint32_t precision, kv_format;
  uint32_t reserved;
  uint64_t model;  // Model's fingerprint
  uint64_t seed;
  uint64_t ids;     // all of the text
  uint64_t tokens;  // of them that were read
  uint64_t held;    // of these, tokens whose keys and values are there
  int64_t regime;   // of the rotary embedding
  uint64_t blocks, block_bytes;
  uint64_t state_floats;
};

// The parts of a session's file.
struct SessionParts {
  SessionHeader header;
  std::vector<TokenId> ids;
  std::span<const std::byte> blocks;  // [blocks][block_bytes]
  std::span<const std::byte> state;
};

SessionHeader new_session_header();

// Throws Error, naming `file`, where the bytes are not a whole and undamaged session. The spans point into the bytes.
SessionParts parse_session(std::span<const std::byte> bytes, const std::filesystem::path& file);

// A checksum that goes on from that of what stands before.
uint64_t session_checksum(uint64_t before, std::span<const std::byte> bytes);

}  // namespace foretell
