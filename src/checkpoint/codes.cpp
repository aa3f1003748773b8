#include "checkpoint/codes.h"

#include <cstring>
#include <type_traits>

#include "base/float16.h"

namespace foretell {
namespace {

constexpr int block = 32;

// The same bits in each lane of `Lane` bits.
template <int Lane>
constexpr uint64_t in_each_lane(uint64_t bits) {
  uint64_t word = 0;
  for (int shift = 0; shift < 64; shift += Lane) word |= bits << shift;
  return word;
}

template <int Bytes>
uint64_t load(const std::byte* p) {
  if constexpr (Bytes == 1 || Bytes == 2 || Bytes == 4) {
    std::conditional_t<Bytes == 1, uint8_t, std::conditional_t<Bytes == 2, uint16_t, uint32_t>> value;
    std::memcpy(&value, p, Bytes);
    return value;
  } else {  // in two: a copy of an odd size would go through memory
    constexpr int first = Bytes > 4 ? 4 : 2;
    return load<first>(p) | load<Bytes - first>(p + first) << (8 * first);
  }
}

// Eight codes, which are `Bits` bytes, become eight bytes: the word is halved three times, and each time the upper half
// moves to where its lane begins.
template <int Bits>
void unpack(const std::byte* packed, int64_t count, uint8_t* codes) {
  constexpr uint64_t one = (1U << Bits) - 1, two = (1U << 2 * Bits) - 1, four = (uint64_t{1} << 4 * Bits) - 1;
  for (int64_t i = 0; i < count; i += 8, packed += Bits, codes += 8) {
    uint64_t word = load<Bits>(packed);
    word = (word & four) | word >> (4 * Bits) << 32;
    word = (word & in_each_lane<32>(two)) | (word & in_each_lane<32>(two << 2 * Bits)) << (16 - 2 * Bits);
    word = (word & in_each_lane<16>(one)) | (word & in_each_lane<16>(one << Bits)) << (8 - Bits);
    std::memcpy(codes, &word, 8);
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
