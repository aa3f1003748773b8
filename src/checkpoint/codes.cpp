#include "checkpoint/codes.h"

#include <cstring>
#include <type_traits>

namespace foretell {
namespace {

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

}  // namespace foretell
