#include "checkpoint/codes.h"

#include <cstring>

#include "base/float16.h"

namespace foretell {
namespace {

constexpr int block = 32;

// Eight codes are `Bits` bytes.
template <int Bits>
void unpack(const std::byte* packed, int64_t count, uint8_t* codes) {
  constexpr uint64_t mask = (1U << Bits) - 1;
  for (int64_t i = 0; i < count; i += 8, packed += Bits, codes += 8) {
    uint64_t word = 0;
    std::memcpy(&word, packed, Bits);
    for (int k = 0; k < 8; k++) codes[k] = static_cast<uint8_t>(word >> (Bits * k) & mask);
  }
}

float half_at(const std::byte* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return float_from_f16(bits);
}

// The low halves of 16 bytes are the first 16 codes, the high halves the others.
void unpack_halves(const std::byte* packed, uint8_t* codes) {
  for (int i = 0; i < block / 2; i++) {
    codes[i] = static_cast<uint8_t>(packed[i] & std::byte{15});
    codes[i + block / 2] = static_cast<uint8_t>(packed[i] >> 4);
  }
}

// A word holds the fifth bits of 32 codes.
void add_fifth_bits(const std::byte* word, uint8_t* codes) {
  uint32_t bits;
  std::memcpy(&bits, word, sizeof bits);
  for (int i = 0; i < block; i++) codes[i] = static_cast<uint8_t>(codes[i] | (bits >> i & 1) << 4);
}

}  // namespace

void unpack_bits(const std::byte* packed, int bits, int64_t count, uint8_t* codes) {
  switch (bits) {
    case 2:
      return unpack<2>(packed, count, codes);
    case 3:
      return unpack<3>(packed, count, codes);
    case 4:
      return unpack<4>(packed, count, codes);
    case 5:
      return unpack<5>(packed, count, codes);
    case 6:
      return unpack<6>(packed, count, codes);
    default:
      std::memcpy(codes, packed, static_cast<size_t>(count));
  }
}

// The layouts: ggml-common.h of ggml (block_q4_0 and its kin). Without a minimum of their own, codes are signed about
// the middle of their range.
AffineScale unpack_block(const std::byte* p, DType dtype, uint8_t* codes) {
  const float scale = half_at(p);
  switch (dtype) {
    case DType::Q4_0:
      unpack_halves(p + 2, codes);
      return {scale, -8 * scale};
    case DType::Q4_1:
      unpack_halves(p + 4, codes);
      return {scale, half_at(p + 2)};
    case DType::Q5_0:
      unpack_halves(p + 6, codes);
      add_fifth_bits(p + 2, codes);
      return {scale, -16 * scale};
    case DType::Q5_1:
      unpack_halves(p + 8, codes);
      add_fifth_bits(p + 4, codes);
      return {scale, half_at(p + 2)};
    default:  // Q8_0
      for (int i = 0; i < block; i++) codes[i] = static_cast<uint8_t>(p[2 + i] ^ std::byte{128});
      return {scale, -128 * scale};
  }
}

}  // namespace foretell
