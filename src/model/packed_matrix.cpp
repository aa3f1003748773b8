#include "model/packed_matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/float16.h"
#include "checkpoint/quantize.h"
#include "foretell/error.h"

namespace foretell {
namespace {

using kernels::Format;
using kernels::group_size;
using kernels::panel_rows;
using kernels::Scale;
using kernels::unit_rows;

template <class T>
T load_as(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Elements of `Word` size, [rows][cols] as stored, to [cols][32].
template <class Word>
void transpose_rows(const MatrixSource& source, int64_t unit, std::byte* out) {
  const int64_t first = unit * unit_rows, count = std::min<int64_t>(unit_rows, source.rows - first);
  const std::byte* rows[unit_rows];
  for (int64_t r = 0; r < count; r++) rows[r] = source.stored.row_bytes(source.stored_row(first + r));
  constexpr auto size = static_cast<int64_t>(sizeof(Word));
  for (int64_t c = 0; c < source.cols; c++, out += unit_rows * size) {
    for (int64_t r = 0; r < count; r++) std::memcpy(out + r * size, rows[r] + c * size, sizeof(Word));
    std::memset(out + count * size, 0, static_cast<size_t>((unit_rows - count) * size));
  }
}

// The same where the file has [inputs, outputs]: each line of the unit is a piece of a stored row.
void copy_columns(const MatrixSource& source, int64_t unit, int64_t element_bytes, std::byte* out) {
  const int64_t first = unit * unit_rows, count = std::min<int64_t>(unit_rows, source.rows - first);
  for (int64_t c = 0; c < source.cols; c++, out += unit_rows * element_bytes) {
    const std::byte* line = source.stored.row_bytes(c);
    if (source.run == 0) {
      std::memcpy(out, line + (source.first + first) * element_bytes, static_cast<size_t>(count * element_bytes));
    } else {
      for (int64_t r = 0; r < count; r++)
        std::memcpy(out + r * element_bytes, line + source.stored_row(first + r) * element_bytes,
                    static_cast<size_t>(element_bytes));
    }
    std::memset(out + count * element_bytes, 0, static_cast<size_t>((unit_rows - count) * element_bytes));
  }
}

// The unit's outputs as floats, [outputs][cols].
std::vector<float> read_unit(const MatrixSource& source, int64_t unit) {
  const int64_t first = unit * unit_rows, count = std::min<int64_t>(unit_rows, source.rows - first), cols = source.cols;
  std::vector<float> out(static_cast<size_t>(count * cols));
  if (!source.transposed) {
    for (int64_t r = 0; r < count; r++) source.stored.read_row(source.stored_row(first + r), out.data() + r * cols);
    return out;
  }
  std::vector<float> line(static_cast<size_t>(source.stored.cols()));
  for (int64_t c = 0; c < cols; c++) {
    source.stored.read_row(c, line.data());
    for (int64_t r = 0; r < count; r++)
      out[static_cast<size_t>(r * cols + c)] = line[static_cast<size_t>(source.stored_row(first + r))];
  }
  return out;
}

// From any layout, as float32, or as bfloat16 where that holds every value.
template <class Word>
void pack_floats(const MatrixSource& source, int64_t unit, std::byte* out) {
  constexpr auto size = static_cast<int64_t>(sizeof(Word));
  const std::vector<float> rows = read_unit(source, unit);
  std::memset(out, 0, static_cast<size_t>(source.cols * unit_rows * size));
  for (int64_t r = 0; r * source.cols < static_cast<int64_t>(rows.size()); r++) {
    for (int64_t c = 0; c < source.cols; c++) {
      const float value = rows[static_cast<size_t>(r * source.cols + c)];
      Word word;
      if constexpr (size == 4)
        word = std::bit_cast<uint32_t>(value);
      else
        word = bf16_from_float(value);
      std::memcpy(out + size * (c * unit_rows + r), &word, sizeof word);
    }
  }
}

bool is_float8(DType dtype) { return dtype == DType::F8E4M3 || dtype == DType::F8E5M2; }

void put_scale(Scale scale, float value, int64_t index, std::byte* at, const MatrixSource& source) {
  if (scale == Scale::Float32) {
    std::memcpy(at + 4 * index, &value, 4);
    return;
  }
  const uint16_t bits = scale == Scale::Float16 ? f16_from_float(value) : bf16_from_float(value);
  const float back = scale == Scale::Float16 ? float_from_f16(bits) : float_from_bf16(bits);
  if (std::isfinite(value) && !std::isfinite(back))
    throw Error({.what = "a scale is too large for 16 bits",
                 .file = source.stored.tensor().file.string(),
                 .where = source.stored.name(),
                 .found = std::to_string(value)});
  std::memcpy(at + 2 * index, &bits, 2);
}

// The even bytes of two words, or the odd ones: what the 8-bit layout puts side by side.
uint32_t every_other_byte(uint32_t low, uint32_t high, int first) {
  const uint64_t x = (low | static_cast<uint64_t>(high) << 32) >> (8 * first) & 0x00ff00ff00ff00ffULL;
  const uint64_t y = (x | x >> 8) & 0x0000ffff0000ffffULL;
  return static_cast<uint32_t>(y | y >> 16);
}

// One row's group of 32 codes, lowest bits first in 4 or 8 words, into its lane of the panel's lines.
template <Format F>
void put_words(const uint32_t* words, int64_t lane, std::byte* lines) {
  constexpr int count = kernels::code_bits(F);
  for (int i = 0; i < count; i++) {
    const uint32_t word =
        F == Format::Affine4 ? words[i] : every_other_byte(words[i / 2 * 2], words[i / 2 * 2 + 1], i % 2);
    std::memcpy(lines + 64 * i + 4 * lane, &word, 4);
  }
}

// A row's codes, scales and biases.
struct GroupedRow {
  std::vector<uint8_t> codes;
  std::vector<float> scales, biases;
  int64_t groups_per_scale = 1;  // groups of 32 that share a stored scale

  void read(const MatrixSource& source, int64_t row) {
    const auto cols = static_cast<size_t>(source.cols);
    codes.resize(cols);
    groups_per_scale = source.stored.group_size() / group_size;
    scales.resize(cols / static_cast<size_t>(source.stored.group_size()));
    biases.resize(scales.size());
    source.stored.read_groups(source.stored_row(row), codes.data(), scales.data(), biases.data());
  }
  void round(std::span<const float> values, int bits) {
    codes.resize(values.size());
    scales.resize(values.size() / group_size);
    biases.resize(scales.size());
    quantize_affine(values, bits, group_size, codes, scales, biases);
  }
  void words(int64_t group, int bits, uint32_t* out) const {
    const uint8_t* code = codes.data() + group * group_size;
    for (int w = 0, per_word = 32 / bits; w < bits; w++) {
      out[w] = 0;
      for (int i = 0; i < per_word; i++) out[w] |= static_cast<uint32_t>(code[w * per_word + i]) << (bits * i);
    }
  }
};

// A row whose words are stored as the layout wants them.
template <Format F>
void pack_stored_row(const StoredMatrix& stored, int64_t row, int64_t lane, int64_t group_bytes, std::byte* lines) {
  constexpr int bits = kernels::code_bits(F);
  const std::byte* codes = stored.row_bytes(row);
  const std::byte* scales = stored.row_scales(row);
  const std::byte* biases = stored.row_biases(row);
  uint32_t words[bits];
  for (int64_t g = 0, groups = stored.cols() / group_size; g < groups; g++, lines += group_bytes) {
    std::memcpy(words, codes + 4 * bits * g, sizeof words);
    put_words<F>(words, lane, lines);
    std::memcpy(lines + 64 * bits + 2 * lane, scales + 2 * g, 2);
    std::memcpy(lines + 64 * bits + 2 * (panel_rows + lane), biases + 2 * g, 2);
  }
}

template <Format F>
void pack_groups(const MatrixSource& source, const PackedMatrix& matrix, int64_t unit, std::byte* out) {
  constexpr int bits = kernels::code_bits(F);
  const int64_t groups = source.cols / group_size, group_bytes = kernels::panel_group_bytes(F, matrix.scale);
  const StoredMatrix& stored = source.stored;
  const bool as_stored = stored.layout() == StoredMatrix::Layout::Affine && stored.grouped() && stored.bits() == bits &&
                         stored.group_size() == group_size && matrix.scale != Scale::Float32;
  if ((unit + 1) * unit_rows > source.rows) std::memset(out, 0, static_cast<size_t>(matrix.unit_bytes()));
  GroupedRow grouped;
  std::vector<float> floats;  // of what must be rounded
  if (!stored.grouped()) floats = read_unit(source, unit);
  for (int64_t r = 0; r < unit_rows && unit * unit_rows + r < source.rows; r++) {
    const int64_t row = unit * unit_rows + r, lane = r % panel_rows;
    std::byte* lines = out + r / panel_rows * groups * group_bytes;
    if (as_stored) {
      pack_stored_row<F>(stored, source.stored_row(row), lane, group_bytes, lines);
      continue;
    }
    if (stored.grouped()) {
      grouped.read(source, row);
    } else {
      grouped.round(std::span(floats).subspan(static_cast<size_t>(r * source.cols), static_cast<size_t>(source.cols)),
                    bits);
    }
    for (int64_t g = 0; g < groups; g++, lines += group_bytes) {
      uint32_t words[bits];
      grouped.words(g, bits, words);
      put_words<F>(words, lane, lines);
      const auto s = static_cast<size_t>(g / grouped.groups_per_scale);
      put_scale(matrix.scale, grouped.scales[s], lane, lines + 64 * bits, source);
      put_scale(matrix.scale, grouped.biases[s], panel_rows + lane, lines + 64 * bits, source);
    }
  }
}

float float_at(Format format, const std::byte* p) {
  if (format == Format::Float32) return load_as<float>(p);
  return format == Format::Float16 ? float_from_f16(load_as<uint16_t>(p)) : float_from_bf16(load_as<uint16_t>(p));
}

float scale_at(Scale scale, const std::byte* p, int64_t index) {
  if (scale == Scale::Float32) return load_as<float>(p + 4 * index);
  const auto bits = load_as<uint16_t>(p + 2 * index);
  return scale == Scale::Float16 ? float_from_f16(bits) : float_from_bf16(bits);
}

}  // namespace

PackedMatrix plan_packing(const MatrixSource& source, int quantize_bits, Precision precision) {
  PackedMatrix m;
  m.rows = source.rows;
  m.cols = source.cols;
  const StoredMatrix& stored = source.stored;
  if (stored.grouped()) {
    const DType scales = stored.scale_dtype();
    m.format = stored.bits() <= 4 ? Format::Affine4 : Format::Affine8;
    m.scale = scales == DType::F16 ? Scale::Float16 : scales == DType::BF16 ? Scale::BFloat16 : Scale::Float32;
  } else {
    const bool decoded = stored.layout() != StoredMatrix::Layout::Float;
    const DType dtype = stored.tensor().dtype;
    m.format = decoded || stored.updated()                ? Format::Float32
               : dtype == DType::F16                      ? Format::Float16
               : dtype == DType::BF16 || is_float8(dtype) ? Format::BFloat16
                                                          : Format::Float32;
    const int bits = quantize_bits == 0 && decoded && precision != Precision::Exact ? 8 : quantize_bits;
    if (bits != 0 && m.cols % group_size == 0) {
      m.format = bits == 4 ? Format::Affine4 : Format::Affine8;
      m.scale = Scale::Float32;
    }
  }
  m.stride = m.unit_bytes();
  return m;
}

void pack_unit(const MatrixSource& source, const PackedMatrix& matrix, int64_t unit, std::byte* out) {
  switch (matrix.format) {
    case Format::Affine4:
      return pack_groups<Format::Affine4>(source, matrix, unit, out);
    case Format::Affine8:
      return pack_groups<Format::Affine8>(source, matrix, unit, out);
    case Format::Float32:
      if (source.stored.layout() != StoredMatrix::Layout::Float || source.stored.updated() ||
          source.stored.tensor().dtype != DType::F32)
        return pack_floats<uint32_t>(source, unit, out);
      return source.transposed ? copy_columns(source, unit, 4, out) : transpose_rows<uint32_t>(source, unit, out);
    case Format::Float16:
    case Format::BFloat16:
      if (is_float8(source.stored.tensor().dtype)) return pack_floats<uint16_t>(source, unit, out);
      return source.transposed ? copy_columns(source, unit, 2, out) : transpose_rows<uint16_t>(source, unit, out);
  }
}

void unpack_row(const PackedMatrix& matrix, int64_t row, float* out) {
  const std::byte* p = matrix.unit(row / unit_rows);
  const int64_t r = row % unit_rows;
  if (!kernels::is_affine(matrix.format)) {
    const int64_t size = matrix.format == Format::Float32 ? 4 : 2;
    for (int64_t c = 0; c < matrix.cols; c++) out[c] = float_at(matrix.format, p + size * (c * unit_rows + r));
    return;
  }
  const int bits = kernels::code_bits(matrix.format);
  const int64_t group_bytes = kernels::panel_group_bytes(matrix.format, matrix.scale), lane = r % panel_rows;
  p += r / panel_rows * (matrix.cols / group_size) * group_bytes;
  for (int64_t c = 0; c < matrix.cols; c += group_size, p += group_bytes) {
    const float scale = scale_at(matrix.scale, p + 64 * bits, lane);
    const float bias = scale_at(matrix.scale, p + 64 * bits, panel_rows + lane);
    for (int i = 0; i < group_size; i++) {
      const int line = bits == 4 ? i / 8 : i / 8 * 2 + i % 2, shift = bits == 4 ? i % 8 * 4 : i % 8 / 2 * 8;
      const uint32_t code = load_as<uint32_t>(p + 64 * line + 4 * lane) >> shift & (bits == 4 ? 15u : 255u);
      out[c + i] = std::fma(static_cast<float>(code), scale, bias);
    }
  }
}

}  // namespace foretell
