#include "model/packed_matrix.h"

#include <cmath>
#include <cstring>

#include "base/float16.h"

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

bool is_float8(DType dtype) { return dtype == DType::F8E4M3 || dtype == DType::F8E5M2; }

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
