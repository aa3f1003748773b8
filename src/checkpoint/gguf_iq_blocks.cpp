// The IQ types with code books: blocks of 256 whose vectors of eight or four
// values stand in a book, with a scale for 32 or 16 of them. All scales are odd
// multiples of a part of the block's d.
#include <bit>

#include "checkpoint/gguf_block_parts.h"
#include "checkpoint/gguf_grids.h"

namespace foretell::gguf {
namespace {

// Which of eight values are negative: seven bits are stored, the eighth makes
// their number even.
unsigned even_signs(unsigned seven) { return seven | (static_cast<unsigned>(std::popcount(seven)) & 1) << 7; }

int with_sign(int value, unsigned signs, int i) { return (signs >> i & 1) != 0 ? -value : value; }

// Four bits for each of a block's parts, two in a byte.
int odd_scale(const std::byte* scales, int part) { return 2 * bits_at(scales + part / 2, part % 2 * 4, 4) + 1; }

float times(float d, int whole) { return d * static_cast<float>(whole); }

}  // namespace

void unpack_iq1_s(const std::byte* block, uint8_t* codes, AffineScale* groups) {
  const float d = half_at(block);
  for (int g = 0; g < 8; g++) {
    const unsigned high = number_at<uint16_t>(block + 34 + 2 * g);
    for (int v = 0; v < 4; v++) {
      const auto& values = iq1_grid()[bits_at(block + 2 + 4 * g + v, 0, 8) | (high >> 3 * v & 7) << 8];
      for (const int8_t value : values) *codes++ = static_cast<uint8_t>(value + 1);
    }
    // All values of a group are moved by an eighth, up or down.
    const float scale = times(d, 2 * static_cast<int>(high >> 12 & 7) + 1);
    groups[g] = {scale, scale * ((high & 0x8000) != 0 ? -1.125F : -0.875F)};
  }
}

// In eighths of d the values are products of two odd numbers, from -135 to 135,
// so that the whole block is one affine group with a code for every other
// number.
void unpack_iq1_m(const std::byte* block, uint8_t* codes, AffineScale* groups) {
  constexpr int lowest = -135;
  const std::byte *low = block, *high = block + 32, *scales = block + 48;
  unsigned d_bits = 0;
  for (int word = 0; word < 4; word++)
    d_bits |= static_cast<unsigned>(bits_at(scales + 2 * word + 1, 4, 4)) << 4 * word;
  for (int v = 0; v < 32; v++) {
    const int part = v / 2, more = bits_at(high + v / 2, v % 2 * 4, 4);
    const int scale = 2 * (number_at<uint16_t>(scales + part / 4 * 2) >> part % 4 * 3 & 7) + 1;
    for (const int8_t value : iq1_grid()[bits_at(low + v, 0, 8) | static_cast<unsigned>(more & 7) << 8])
      *codes++ = static_cast<uint8_t>((scale * (8 * value + ((more & 8) != 0 ? -1 : 1)) - lowest) / 2);
  }
  const float d = float_from_f16(static_cast<uint16_t>(d_bits));
  same_groups({d / 4, times(d, lowest) / 8}, 8, groups);
}

void unpack_iq2_xxs(const std::byte* block, uint8_t* codes, AffineScale* groups) {
  constexpr int lowest = -43;
  const float d = half_at(block);
  for (int g = 0; g < 8; g++) {
    const std::byte* p = block + 2 + 8 * g;
    const auto more = number_at<uint32_t>(p + 4);  // four times seven signs, and the scale
    for (int v = 0; v < 4; v++) {
      const unsigned signs = even_signs(more >> 7 * v & 127);
      const auto& values = iq2_xxs_grid()[bits_at(p + v, 0, 8)];
      for (int i = 0; i < 8; i++)
        *codes++ = static_cast<uint8_t>(with_sign(values[static_cast<size_t>(i)], signs, i) - lowest);
    }
    const float scale = times(d, 2 * static_cast<int>(more >> 28) + 1) / 8;
    groups[g] = {scale, times(scale, lowest)};
  }
}

void decode_iq2_xs(const std::byte* block, float* out) {
  const float d = half_at(block);
  for (int v = 0; v < 32; v++) {
    const unsigned word = number_at<uint16_t>(block + 2 + 2 * v), signs = even_signs(word >> 9);
    const float scale = times(d, odd_scale(block + 66, v / 2)) / 8;
    const auto& values = iq2_xs_grid()[word & 511];
    for (int i = 0; i < 8; i++) *out++ = times(scale, with_sign(values[static_cast<size_t>(i)], signs, i));
  }
}

void decode_iq2_s(const std::byte* block, float* out) {
  const float d = half_at(block);
  for (int v = 0; v < 32; v++) {
    const unsigned high = bits_at(block + 66 + v / 4, v % 4 * 2, 2), signs = bits_at(block + 34 + v, 0, 8);
    const float scale = times(d, odd_scale(block + 74, v / 2)) / 8;
    const auto& values = iq2_s_grid()[bits_at(block + 2 + v, 0, 8) | high << 8];
    for (int i = 0; i < 8; i++) *out++ = times(scale, with_sign(values[static_cast<size_t>(i)], signs, i));
  }
}

void unpack_iq3_xxs(const std::byte* block, uint8_t* codes, AffineScale* groups) {
  constexpr int lowest = -62;
  const float d = half_at(block);
  for (int g = 0; g < 8; g++) {
    const auto more = number_at<uint32_t>(block + 66 + 4 * g);  // four times seven signs, and the scale
    for (int i = 0; i < 32; i++) {
      const auto& values = iq3_xxs_grid()[bits_at(block + 2 + 8 * g + i / 4, 0, 8)];
      const unsigned signs = even_signs(more >> i / 8 * 7 & 127);
      *codes++ = static_cast<uint8_t>(with_sign(values[static_cast<size_t>(i % 4)], signs, i % 8) - lowest);
    }
    const float scale = times(d, 2 * static_cast<int>(more >> 28) + 1) / 4;
    groups[g] = {scale, times(scale, lowest)};
  }
}

// The values are odd, so that there is a code for every other number.
void unpack_iq3_s(const std::byte* block, uint8_t* codes, AffineScale* groups) {
  constexpr int lowest = -15;
  const float d = half_at(block);
  for (int i = 0; i < 256; i++) {
    const int v = i / 4;
    const unsigned high = bits_at(block + 66 + v / 8, v % 8, 1), signs = bits_at(block + 74 + i / 8, 0, 8);
    const auto& values = iq3_s_grid()[bits_at(block + 2 + v, 0, 8) | high << 8];
    *codes++ = static_cast<uint8_t>((with_sign(values[static_cast<size_t>(i % 4)], signs, i % 8) - lowest) / 2);
  }
  for (int g = 0; g < 8; g++) {
    const float scale = times(d, odd_scale(block + 106, g));
    groups[g] = {2 * scale, times(scale, lowest)};
  }
}

}  // namespace foretell::gguf
