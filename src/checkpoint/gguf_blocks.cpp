#include "checkpoint/gguf_blocks.h"

#include <array>
#include <bit>

#include "checkpoint/gguf_block_parts.h"

namespace foretell {
namespace gguf {
namespace {

// IQ4's values for codes of 4 bits, and FP4's (E2M1), doubled; both less the lowest.
constexpr std::array<uint8_t, 16> iq4_values = {0,   23,  44,  62,  78,  92,  105, 117,
                                                128, 140, 152, 165, 180, 196, 216, 240};
constexpr int iq4_lowest = -127;
constexpr std::array<uint8_t, 16> fp4_values = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
constexpr int fp4_lowest = -12;

void look_up(const std::array<uint8_t, 16>& values, int count, uint8_t* codes) {
  for (int i = 0; i < count; i++) codes[i] = values[codes[i]];
}

// Where the values of types without a minimum of their own begin.
AffineScale from_lowest(float scale, int lowest) { return {scale, static_cast<float>(lowest) * scale}; }

// A word holds the fifth bits of 32 codes.
void add_fifth_bits(const std::byte* word, uint8_t* codes) {
  const auto bits = number_at<uint32_t>(word);
  for (int i = 0; i < 32; i++) codes[i] = static_cast<uint8_t>(codes[i] | (bits >> i & 1) << 4);
}

// Half of 2^(e - 127), for FP4's values are doubled; exact, for the smallest are subnormal.
float half_power_of_two(uint8_t e) {
  return std::bit_cast<float>(e < 2 ? uint32_t{0x00200000} << e : static_cast<uint32_t>(e - 1) << 23);
}

// Half of an unsigned float of 4 + 3 bits; 0x7f (not a number) counts as 0.
float half_ue4m3(uint8_t x) {
  if (x == 0x7f) return 0;
  const int exponent = x >> 3 & 15, mantissa = x & 7;
  return exponent == 0 ? static_cast<float>(mantissa) * 0x1p-10F
                       : static_cast<float>(8 + mantissa) * std::bit_cast<float>((exponent + 127 - 11) << 23);
}

void unpack_iq4_xs(const std::byte* block, uint8_t* codes, AffineScale* groups) {
  const float d = half_at(block);
  const auto high = number_at<uint16_t>(block + 2);
  for (int g = 0; g < 8; g++) {
    unpack_halves(block + 8 + 16 * g, 16, codes + 32 * g);
    const int scale = (bits_at(block + 4 + g / 2, g % 2 * 4, 4) | (high >> 2 * g & 3) << 4) - 32;
    groups[g] = from_lowest(d * static_cast<float>(scale), iq4_lowest);
  }
  look_up(iq4_values, 256, codes);
}

// Five values from 0 to 2 in a byte, as the first digits of the fraction byte / 256 in base 3; the digits of one place
// follow one another.
void unpack_tq1(const std::byte* packed, int bytes, int digits, uint8_t* codes) {
  for (int digit = 0, power = 1; digit < digits; digit++, power *= 3)
    for (int i = 0; i < bytes; i++) {
      const auto fraction = static_cast<uint8_t>(std::to_integer<int>(packed[i]) * power);
      *codes++ = static_cast<uint8_t>(fraction * 3 >> 8);
    }
}

void unpack_tq1_0(const std::byte* block, uint8_t* codes, AffineScale* groups) {
  unpack_tq1(block, 32, 5, codes);
  unpack_tq1(block + 32, 16, 5, codes + 160);
  unpack_tq1(block + 48, 4, 4, codes + 240);
  same_groups(from_lowest(half_at(block + 52), -1), 8, groups);
}

void unpack_tq2_0(const std::byte* block, uint8_t* codes, AffineScale* groups) {
  for (int i = 0; i < 256; i++) codes[i] = bits_at(block + i / 128 * 32 + i % 32, i % 128 / 32 * 2, 2);
  same_groups(from_lowest(half_at(block + 64), -1), 8, groups);
}

// Bits that stand for -1 and 1.
void unpack_q1_0(const std::byte* block, uint8_t* codes, AffineScale* groups) {
  for (int i = 0; i < 128; i++) codes[i] = static_cast<uint8_t>(2 * bits_at(block + 2 + i / 8, i % 8, 1));
  same_groups(from_lowest(half_at(block), -1), 4, groups);
}

void decode_nvfp4(const std::byte* block, float* out) {
  for (int part = 0; part < 4; part++) {
    uint8_t codes[16];
    unpack_halves(block + 4 + 8 * part, 8, codes);
    const float scale = half_ue4m3(std::to_integer<uint8_t>(block[part]));
    for (int i = 0; i < 16; i++) out[16 * part + i] = scale * static_cast<float>(fp4_values[codes[i]] + fp4_lowest);
  }
}

}  // namespace
}  // namespace gguf

std::optional<BlockCodes> block_codes(DType dtype) {
  switch (dtype) {
    case DType::TQ1_0:
    case DType::TQ2_0:
    case DType::Q1_0:
      return BlockCodes{2, DType::F16};
    case DType::IQ1_S:
      return BlockCodes{2, DType::F32};
    case DType::Q4_0:
    case DType::Q4_1:
      return BlockCodes{4, DType::F16};
    case DType::Q4_K:
    case DType::IQ3_S:
      return BlockCodes{4, DType::F32};
    case DType::Q5_0:
    case DType::Q5_1:
      return BlockCodes{5, DType::F16};
    case DType::Q5_K:
    case DType::MXFP4:
      return BlockCodes{5, DType::F32};
    case DType::Q8_0:
      return BlockCodes{8, DType::F16};
    case DType::Q3_K:
    case DType::Q8_K:
    case DType::IQ1_M:
    case DType::IQ2_XXS:
    case DType::IQ3_XXS:
    case DType::IQ4_NL:
    case DType::IQ4_XS:
      return BlockCodes{8, DType::F32};
    default:
      return std::nullopt;
  }
}

void unpack_block(const std::byte* p, DType dtype, uint8_t* codes, AffineScale* groups) {
  using namespace gguf;
  switch (dtype) {
    case DType::Q4_0:
      unpack_halves(p + 2, 16, codes);
      groups[0] = from_lowest(half_at(p), -8);
      return;
    case DType::Q4_1:
      unpack_halves(p + 4, 16, codes);
      groups[0] = {half_at(p), half_at(p + 2)};
      return;
    case DType::Q5_0:
      unpack_halves(p + 6, 16, codes);
      add_fifth_bits(p + 2, codes);
      groups[0] = from_lowest(half_at(p), -16);
      return;
    case DType::Q5_1:
      unpack_halves(p + 8, 16, codes);
      add_fifth_bits(p + 4, codes);
      groups[0] = {half_at(p), half_at(p + 2)};
      return;
    case DType::Q3_K:
      return unpack_q3_k(p, codes, groups);
    case DType::Q4_K:
      return unpack_q4_k(p, codes, groups);
    case DType::Q5_K:
      return unpack_q5_k(p, codes, groups);
    case DType::Q8_K:
      return unpack_q8_k(p, codes, groups);
    case DType::IQ1_S:
      return unpack_iq1_s(p, codes, groups);
    case DType::IQ1_M:
      return unpack_iq1_m(p, codes, groups);
    case DType::IQ2_XXS:
      return unpack_iq2_xxs(p, codes, groups);
    case DType::IQ3_XXS:
      return unpack_iq3_xxs(p, codes, groups);
    case DType::IQ3_S:
      return unpack_iq3_s(p, codes, groups);
    case DType::IQ4_NL:
      unpack_halves(p + 2, 16, codes);
      look_up(iq4_values, 32, codes);
      groups[0] = from_lowest(half_at(p), iq4_lowest);
      return;
    case DType::IQ4_XS:
      return unpack_iq4_xs(p, codes, groups);
    case DType::MXFP4:
      unpack_halves(p + 1, 16, codes);
      look_up(fp4_values, 32, codes);
      groups[0] = from_lowest(half_power_of_two(std::to_integer<uint8_t>(*p)), fp4_lowest);
      return;
    case DType::TQ1_0:
      return unpack_tq1_0(p, codes, groups);
    case DType::TQ2_0:
      return unpack_tq2_0(p, codes, groups);
    case DType::Q1_0:
      return unpack_q1_0(p, codes, groups);
    default:  // Q8_0
      for (int i = 0; i < 32; i++) codes[i] = static_cast<uint8_t>(p[2 + i] ^ std::byte{128});
      groups[0] = from_lowest(half_at(p), -128);
  }
}

void decode_block(const std::byte* p, DType dtype, float* out) {
  switch (dtype) {
    case DType::Q2_K:
      return gguf::decode_q2_k(p, out);
    case DType::IQ2_XS:
      return gguf::decode_iq2_xs(p, out);
    case DType::IQ2_S:
      return gguf::decode_iq2_s(p, out);
    case DType::NVFP4:
      return gguf::decode_nvfp4(p, out);
    default:
      return gguf::decode_q6_k(p, out);
  }
}

}  // namespace foretell
