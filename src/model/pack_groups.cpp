#include "model/pack_groups.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/float16.h"
#include "foretell/error.h"
#include "model/transpose.h"

namespace foretell {
namespace {

using kernels::Format;
using kernels::group_size;
using kernels::panel_rows;
using kernels::Scale;
using kernels::unit_rows;

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

void transpose_codes(int bits, const std::byte* const* rows, std::byte* lines) {
  bits == 4 ? transpose_group4(rows, lines) : transpose_group8(rows, lines);
}

// The rows [first, first + count) of one panel.
struct PanelRows {
  const MatrixSource& source;
  int64_t first, count;
  int64_t row(int64_t r) const { return source.stored_row(first + r); }
};

// A panel whose words are stored as the layout wants them, and whose scales have 16 bits; `per_scale` groups of 32
// share a stored one.
void pack_stored_panel(const PanelRows& panel, int bits, int64_t group_bytes, std::byte* out) {
  const StoredMatrix& stored = panel.source.stored;
  const int64_t groups = stored.cols() / group_size, per_scale = stored.group_size() / group_size;
  const std::byte *codes[panel_rows], *scales[panel_rows], *biases[panel_rows];
  for (int64_t r = 0; r < panel_rows; r++) {
    const int64_t row = panel.row(r);
    codes[r] = stored.row_bytes(row);
    scales[r] = stored.row_scales(row);
    biases[r] = stored.row_biases(row);
  }
  for (int64_t g = 0; g < groups; g++, out += group_bytes) {
    transpose_codes(bits, codes, out);
    const int64_t scale = g / per_scale * 2;
    std::byte* to = out + 64 * bits;
    for (int64_t r = 0; r < panel_rows; r++, to += 2) {
      codes[r] += 4 * bits;
      std::memcpy(to, scales[r] + scale, 2);
      std::memcpy(to + 2 * panel_rows, biases[r] + scale, 2);
    }
  }
}

// The codes of a row, one a byte, as words of 4 bits each, in place.
void join_nibbles(std::vector<uint8_t>& codes) {
  for (size_t i = 0; i + 1 < codes.size(); i += 2) codes[i / 2] = static_cast<uint8_t>(codes[i] | codes[i + 1] << 4);
}

// A panel of groups in any other form: the rows are unpacked first.
void pack_unpacked_panel(const PanelRows& panel, const PackedMatrix& matrix, std::byte* out) {
  const StoredMatrix& stored = panel.source.stored;
  const int bits = kernels::code_bits(matrix.format);
  const int64_t groups = stored.cols() / group_size, per_scale = stored.group_size() / group_size;
  const int64_t group_bytes = kernels::panel_group_bytes(matrix.format, matrix.scale);
  const auto count = static_cast<size_t>(groups / per_scale);
  std::vector<uint8_t> codes[panel_rows];
  std::vector<float> scales(count), biases(count);
  const std::byte* at[panel_rows];
  const std::vector<uint8_t> nothing(static_cast<size_t>(stored.cols()));
  for (int64_t r = 0; r < panel_rows; r++) {
    std::vector<uint8_t>& row = codes[r];
    if (r < panel.count) {
      row.resize(static_cast<size_t>(stored.cols()));
      stored.read_groups(panel.row(r), row.data(), scales.data(), biases.data());
      if (bits == 4) join_nibbles(row);
      std::byte* to = out + 64 * bits;
      for (int64_t g = 0; g < groups; g++, to += group_bytes) {
        put_scale(matrix.scale, scales[static_cast<size_t>(g / per_scale)], r, to, panel.source);
        put_scale(matrix.scale, biases[static_cast<size_t>(g / per_scale)], panel_rows + r, to, panel.source);
      }
    }
    at[r] = reinterpret_cast<const std::byte*>(r < panel.count ? row.data() : nothing.data());
  }
  for (int64_t g = 0; g < groups; g++, out += group_bytes) {
    transpose_codes(bits, at, out);
    for (const std::byte*& p : at) p += 4 * bits;
  }
}

}  // namespace

void pack_groups(const MatrixSource& source, const PackedMatrix& matrix, int64_t unit, std::byte* out) {
  const int bits = kernels::code_bits(matrix.format);
  const StoredMatrix& stored = source.stored;
  const bool as_stored =
      stored.layout() == StoredMatrix::Layout::Affine && stored.bits() == bits && matrix.scale != Scale::Float32;
  const int64_t panel_bytes = matrix.unit_bytes() / 2;
  if ((unit + 1) * unit_rows > source.rows) std::memset(out, 0, static_cast<size_t>(matrix.unit_bytes()));
  for (int64_t first = unit * unit_rows, p = 0; p < 2; p++, first += panel_rows, out += panel_bytes) {
    const PanelRows panel{source, first, std::min<int64_t>(panel_rows, source.rows - first)};
    if (panel.count <= 0) return;
    if (as_stored && panel.count == panel_rows)
      pack_stored_panel(panel, bits, kernels::panel_group_bytes(matrix.format, matrix.scale), out);
    else
      pack_unpacked_panel(panel, matrix, out);
  }
}

}  // namespace foretell
