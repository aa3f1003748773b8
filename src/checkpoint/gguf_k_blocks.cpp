// The K types: blocks of 256 whose groups of 32 or 16 have whole scales of 4 to 8 bits.
#include <array>

#include "checkpoint/gguf_block_parts.h"

namespace foretell::gguf {
namespace {

constexpr int groups = 8;  // of 32

// Codes of 2 bits: each run of 32 bytes holds four groups, the lowest bits the first.
uint8_t two_bits(const std::byte* packed, int group, int i) {
  return bits_at(packed + group / 4 * 32 + i, group % 4 * 2, 2);
}

// Twelve bytes hold eight scales and eight minima of 6 bits: those of the first four groups in the low bits of bytes
// 0-3 and 4-7, those of the others half in bytes 8-11 and half in the two bits that are left over there.
AffineScale k_scale(const std::byte* block, int group) {
  const std::byte* p = block + 4;
  int scale, minimum;
  if (group < 4) {
    scale = bits_at(p + group, 0, 6);
    minimum = bits_at(p + group + 4, 0, 6);
  } else {
    scale = bits_at(p + group + 4, 0, 4) | bits_at(p + group - 4, 6, 2) << 4;
    minimum = bits_at(p + group + 4, 4, 4) | bits_at(p + group, 6, 2) << 4;
  }
  return {half_at(block) * static_cast<float>(scale), -half_at(block + 2) * static_cast<float>(minimum)};
}

// Each run of 32 bytes holds two groups.
void unpack_nibbles(const std::byte* packed, uint8_t* codes) {
  for (int g = 0; g < groups; g += 2) unpack_halves(packed + 16 * g, 32, codes + 32 * g);
}

}  // namespace

// The product of a scale (-32 to 31) and a code (-4 to 3) is a whole number from -124 to 128, so that the whole block
// is one affine group.
void unpack_q3_k(const std::byte* block, uint8_t* codes, AffineScale* out) {
  constexpr int lowest = -124;
  const std::byte *high_bits = block, *packed = block + 32, *scales = block + 96;
  for (int g = 0; g < groups; g++) {
    std::array<int, 2> scale;
    for (int half = 0; half < 2; half++) {
      const int s = 2 * g + half;
      scale[static_cast<size_t>(half)] =
          (bits_at(scales + s % 8, s / 8 * 4, 4) | bits_at(scales + 8 + s % 4, s / 4 * 2, 2) << 4) - 32;
    }
    for (int i = 0; i < 32; i++) {
      const int code = (two_bits(packed, g, i) | bits_at(high_bits + i, g, 1) << 2) - 4;
      codes[32 * g + i] = static_cast<uint8_t>(scale[static_cast<size_t>(i / 16)] * code - lowest);
    }
  }
  const float d = half_at(block + 108);
  same_groups({d, lowest * d}, groups, out);
}

void unpack_q4_k(const std::byte* block, uint8_t* codes, AffineScale* out) {
  unpack_nibbles(block + 16, codes);
  for (int g = 0; g < groups; g++) out[g] = k_scale(block, g);
}

void unpack_q5_k(const std::byte* block, uint8_t* codes, AffineScale* out) {
  const std::byte* high_bits = block + 16;
  unpack_nibbles(block + 48, codes);
  for (int g = 0; g < groups; g++) {
    for (int i = 0; i < 32; i++)
      codes[32 * g + i] = static_cast<uint8_t>(codes[32 * g + i] | bits_at(high_bits + i, g, 1) << 4);
    out[g] = k_scale(block, g);
  }
}

void unpack_q8_k(const std::byte* block, uint8_t* codes, AffineScale* out) {
  const auto d = number_at<float>(block);
  for (int i = 0; i < 256; i++) codes[i] = static_cast<uint8_t>(block[4 + i] ^ std::byte{128});
  same_groups({d, -128 * d}, groups, out);  // the sums of 16 that follow are for products of integers
}

void decode_q2_k(const std::byte* block, float* out) {
  const float d = half_at(block + 80), dmin = half_at(block + 82);
  for (int i = 0; i < 256; i++) {
    const std::byte* scale = block + i / 16;
    const auto code = static_cast<float>(two_bits(block + 16, i / 32, i % 32));
    out[i] = d * static_cast<float>(bits_at(scale, 0, 4)) * code - dmin * static_cast<float>(bits_at(scale, 4, 4));
  }
}

// Of every 128 values the low halves lie in 64 bytes, two groups in their low bits and then two in their high ones.
void decode_q6_k(const std::byte* block, float* out) {
  const std::byte *low = block, *high = block + 128, *scales = block + 192;
  const float d = half_at(block + 208);
  for (int group = 0; group < groups; group++) {
    const std::byte *low_run = low + group / 4 * 64 + group % 2 * 32, *high_run = high + group / 4 * 32;
    const int low_shift = group % 4 / 2 * 4, high_shift = group % 4 * 2;
    for (int half = 0; half < 2; half++, low_run += 16, high_run += 16, out += 16) {
      const int scale = number_at<int8_t>(scales + 2 * group + half);
      for (int i = 0; i < 16; i++) {
        const int code = (bits_at(low_run + i, low_shift, 4) | bits_at(high_run + i, high_shift, 2) << 4) - 32;
        out[i] = d * static_cast<float>(scale * code);
      }
    }
  }
}

}  // namespace foretell::gguf
