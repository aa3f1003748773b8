// Rounding float weights to affine groups: every instruction set gives what the scalar formula gives.
#include "checkpoint/quantize.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/float16.h"
#include "kernels/dispatch.h"

using namespace foretell;
using namespace foretell::kernels;

namespace {

constexpr int64_t cols = 5 * group_size;
constexpr size_t line_elements = unit_rows;

// Rows of all kinds: wide and narrow ranges, of one sign, of one value, of zeros, of what float32 hardly holds.
std::vector<float> rows_of_all_kinds() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> lines(cols * line_elements);
  constexpr std::array sizes = {1.0f, 0.02f, 3e-39f, 1e-30f, 1e30f, 60000.0f, 1e-7f, 0.0f};
  for (int64_t c = 0; c < cols; c++) {
    for (size_t r = 0; r < line_elements; r++) {
      float x = normal(random) * sizes[r % sizes.size()];
      const size_t kind = (r + static_cast<size_t>(c / group_size)) % 6;
      if (kind == 0) x = std::abs(x);
      if (kind == 1) x = -std::abs(x);
      if (kind == 2) x = sizes[r % sizes.size()];
      if (kind == 3) x = std::round(x * 4) / 4;  // ties
      if (kind == 4 && c % 3 == 0) x = -0.0f;
      lines[static_cast<size_t>(c) * line_elements + r] = x;
    }
  }
  return lines;
}

// `lines` in a float format, and as that format holds them.
std::vector<std::byte> stored_as(Format format, std::vector<float>& lines) {
  std::vector<std::byte> bytes;
  for (float& x : lines) {
    uint32_t word = std::bit_cast<uint32_t>(x);
    if (format == Format::Float16) {
      const float most = 65504;
      word = f16_from_float(std::clamp(x, -most, most));
      x = float_from_f16(static_cast<uint16_t>(word));
    } else if (format == Format::BFloat16) {
      word = bf16_from_float(x);
      x = float_from_bf16(static_cast<uint16_t>(word));
    }
    for (size_t i = 0; i < (format == Format::Float32 ? 4 : 2); i++) bytes.push_back(std::byte(word >> (8 * i) & 255));
  }
  return bytes;
}

// The panel that the scalar formula gives for rows [first, first + 16).
std::vector<std::byte> expected_panel(const std::vector<float>& lines, size_t first, int bits) {
  const Format format = bits == 4 ? Format::Affine4 : Format::Affine8;
  std::vector<std::byte> panel(static_cast<size_t>(unit_bytes(format, Scale::Float32, cols) / 2));
  constexpr size_t groups = cols / group_size;
  for (size_t lane = 0; lane < panel_rows; lane++) {
    std::array<float, cols> row{};
    std::array<uint8_t, cols> codes{};
    std::array<float, groups> scales{}, biases{};
    for (size_t c = 0; c < cols; c++) row[c] = lines[c * line_elements + first + lane];
    quantize_affine(row, bits, group_size, codes, scales, biases);
    for (size_t c = 0; c < cols; c++) {
      std::byte* group = panel.data() + c / group_size * static_cast<size_t>(panel_group_bytes(format, Scale::Float32));
      const size_t i = c % group_size;
      const size_t at = 64 * (bits == 4 ? i / 8 : i / 8 * 2 + i % 2) + 4 * lane + i % 8 / 2;
      group[at] |= std::byte(codes[c] << (bits == 4 ? i % 2 * 4 : 0));
      std::byte* scale = group + 64 * bits + 4 * lane;
      std::memcpy(scale, &scales[c / group_size], 4);
      std::memcpy(scale + 4 * panel_rows, &biases[c / group_size], 4);
    }
  }
  return panel;
}

}  // namespace

TEST_CASE("rounding weights to groups gives the bits of the scalar formula on every instruction set") {
  for (const Table* table : usable_tables()) {
    for (const Format format : {Format::Float32, Format::Float16, Format::BFloat16}) {
      std::vector<float> lines = rows_of_all_kinds();
      const std::vector<std::byte> stored = stored_as(format, lines);
      for (const int bits : {4, 8}) {
        const auto quantize = (bits == 4 ? table->quantize4 : table->quantize8)[static_cast<size_t>(format)];
        for (const size_t first : {size_t{0}, size_t{panel_rows}}) {
          CAPTURE(table->name, static_cast<int>(format), bits, first);
          const std::vector<std::byte> expected = expected_panel(lines, first, bits);
          std::vector<std::byte> panel(expected.size());
          CHECK(quantize(stored.data() + first * stored.size() / lines.size(), cols, panel.data()));
          CHECK(panel == expected);
        }
      }
    }
  }
}

TEST_CASE("rounding weights to groups tells of those that are not finite") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const Table* table : usable_tables()) {
    for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
      for (const size_t place : {size_t{0}, size_t{7}, 40 * line_elements + 15, (cols - 1) * line_elements + 3}) {
        CAPTURE(table->name, bad, place);
        std::vector<float> lines(cols * line_elements, 0.5f);
        lines[place] = bad;
        std::vector<std::byte> panel(static_cast<size_t>(unit_bytes(Format::Affine8, Scale::Float32, cols) / 2));
        CHECK_FALSE(table->quantize8[0](lines.data(), cols, panel.data()));
        CHECK_FALSE(table->quantize4[0](lines.data(), cols, panel.data()));
        CHECK(table->quantize8[0](lines.data() + panel_rows, cols, panel.data()));  // the other panel's rows
      }
    }
  }
}
