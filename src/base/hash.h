// A hash of short strings for tables in memory. Not for anything that must be hard to guess: tables that use it compare
// the strings too.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace foretell {

__extension__ using uint128 = unsigned __int128;

inline uint64_t fold(uint64_t a, uint64_t b) {
  // The two halves of the 128-bit product, folded (the "mum" step of wyhash, public domain).
  const auto product = static_cast<uint128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t hash_bytes(std::string_view bytes) {
  constexpr uint64_t key0 = 0xa0761d6478bd642f, key1 = 0xe7037ed1a0b428db;
  const auto read8 = [](const char* p) {
    uint64_t v;
    std::memcpy(&v, p, 8);
    return v;
  };
  const auto read4 = [](const char* p) {
    uint32_t v;
    std::memcpy(&v, p, 4);
    return static_cast<uint64_t>(v);
  };
  const char* p = bytes.data();
  const size_t n = bytes.size();
  uint64_t a = 0, b = 0, state = key0 ^ n;
  if (n >= 8) {
    const char* last = p + n - 8;
    for (; p < last; p += 8) state = fold(read8(p) ^ key1, state);
    a = read8(last);
  } else if (n >= 4) {
    a = read4(p);
    b = read4(p + n - 4);
  } else if (n > 0) {
    const auto byte = [&](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(p[i])); };
    a = byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1);
  }
  return fold(fold(a ^ key1, b ^ state) ^ n, key0);
}

}  // namespace foretell
