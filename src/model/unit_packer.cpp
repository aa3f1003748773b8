#include "model/unit_packer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "foretell/error.h"
#include "model/pack_groups.h"
#include "model/transpose.h"

namespace foretell {

using kernels::Format;
using kernels::group_size;
using kernels::panel_rows;
using kernels::Scale;
using kernels::unit_rows;

namespace {

constexpr int64_t chunk_cols = 8 * group_size;  // inputs whose lines stay in the first-level cache

// The format of the lines that hold what is stored, as it is.
Format line_format(const StoredMatrix& stored) {
  if (stored.layout() != StoredMatrix::Layout::Float || stored.updated()) return Format::Float32;
  const DType dtype = stored.tensor().dtype;
  return dtype == DType::F16 ? Format::Float16 : dtype == DType::BF16 ? Format::BFloat16 : Format::Float32;
}

bool is_stored_as_lines(const StoredMatrix& stored) {
  return stored.layout() == StoredMatrix::Layout::Float && !stored.updated() &&
         (line_format(stored) != Format::Float32 || stored.tensor().dtype == DType::F32);
}

}  // namespace

// The inputs of one unit, one line of 32 floats each.
class UnitPacker::Lines {
 public:
  Lines(const MatrixSource& source, int64_t unit, std::vector<float>& rows)
      : source_(source),
        first_(unit * unit_rows),
        count_(std::min<int64_t>(unit_rows, source.rows - first_)),
        as_stored_(is_stored_as_lines(source.stored)),
        rows_(rows) {
    if (as_stored_ || source.transposed) return;
    rows_.resize(static_cast<size_t>(count_ * source.cols));
    for (int64_t r = 0; r < count_; r++) source.stored.read_row(stored_row(r), rows_.data() + r * source.cols);
  }

  Format format() const { return line_format(source_.stored); }
  int element_bytes() const { return format() == Format::Float32 ? 4 : 2; }

  // Lines [begin, end) to `out`.
  void read(int64_t begin, int64_t end, std::byte* out) const {
    if (!source_.transposed) return turn(begin, end, out);
    if (as_stored_ && source_.run == 0 && count_ == unit_rows)
      return element_bytes() == 2 ? copy_whole<2>(begin, end, out) : copy_whole<4>(begin, end, out);
    for (int64_t c = begin; c < end; c++, out += unit_rows * element_bytes()) {
      as_stored_ ? copy(c, out) : convert(c, out);
      std::fill(out + count_ * element_bytes(), out + unit_rows * element_bytes(), std::byte{});
    }
  }

 private:
  int64_t stored_row(int64_t r) const { return source_.stored_row(first_ + r); }
  int64_t first() const { return stored_row(0); }

  void turn(int64_t begin, int64_t end, std::byte* out) const {
    const std::byte* rows[unit_rows];
    for (int64_t r = 0; r < count_; r++) {
      const std::byte* row = as_stored_ ? source_.stored.row_bytes(stored_row(r))
                                        : reinterpret_cast<const std::byte*>(rows_.data() + r * source_.cols);
      rows[r] = row + begin * element_bytes();
    }
    transpose_rows(rows, count_, end - begin, element_bytes(), out);
  }

  // A line of the unit is a piece of a stored row.
  template <int size>
  void copy_whole(int64_t begin, int64_t end, std::byte* out) const {
    constexpr int64_t line = unit_rows * size, ahead = 16;  // rows lie too far apart for the hardware to guess
    const int64_t stride = source_.stored.cols() * size;
    const std::byte* from = source_.stored.row_bytes(begin) + first() * size;
    for (int64_t c = begin; c < end; c++, from += stride, out += line) {
      __builtin_prefetch(from + std::min(ahead, end - 1 - c) * stride);
      std::memcpy(out, from, line);
    }
  }
  // Or several.
  void copy(int64_t c, std::byte* out) const {
    const int size = element_bytes();
    const std::byte* row = source_.stored.row_bytes(c);
    if (source_.run == 0) {
      std::memcpy(out, row + first() * size, static_cast<size_t>(count_ * size));
    } else {
      for (int64_t r = 0; r < count_; r++) std::copy_n(row + stored_row(r) * size, size, out + r * size);
    }
  }
  void convert(int64_t c, std::byte* out) const {
    // Runs are in order, so that the first and the last output are the ends of the piece. Turned matrices are floats,
    // of which any part can be read.
    const int64_t begin = first(), end = stored_row(count_ - 1) + 1;
    rows_.resize(static_cast<size_t>(end - begin));
    source_.stored.read(c, begin, end, rows_.data());
    for (int64_t r = 0; r < count_; r++)
      std::memcpy(out + r * 4, &rows_[static_cast<size_t>(stored_row(r) - begin)], sizeof(float));
  }

  const MatrixSource& source_;
  int64_t first_, count_;
  bool as_stored_;
  std::vector<float>& rows_;
};

void UnitPacker::pack(const MatrixSource& source, const PackedMatrix& matrix, int64_t unit, std::byte* out) {
  if (source.stored.grouped() && kernels::is_affine(matrix.format)) return pack_groups(source, matrix, unit, out);
  Lines lines(source, unit, rows_);
  if (kernels::is_affine(matrix.format)) return quantize(lines, source, matrix, out);
  if (lines.format() == matrix.format) return lines.read(0, matrix.cols, out);
  narrow(lines, matrix.cols, out);
}

// What bfloat16 holds without loss (float8): the upper half of each float.
void UnitPacker::narrow(Lines& lines, int64_t cols, std::byte* out) {
  lines_.resize(chunk_cols * unit_rows * sizeof(float));
  for (int64_t c = 0; c < cols; c += chunk_cols) {
    const int64_t count = std::min(chunk_cols, cols - c) * unit_rows;
    lines.read(c, c + count / unit_rows, lines_.data());
    for (int64_t i = 0; i < count; i++, out += 2) std::memcpy(out, lines_.data() + 4 * i + 2, 2);
  }
}

void UnitPacker::quantize(Lines& lines, const MatrixSource& source, const PackedMatrix& matrix, std::byte* out) {
  const int64_t group_bytes = kernels::panel_group_bytes(matrix.format, matrix.scale);
  const int64_t panel_bytes = matrix.cols / group_size * group_bytes;
  const auto format = static_cast<size_t>(lines.format());
  const auto round = matrix.format == Format::Affine4 ? table_.quantize4[format] : table_.quantize8[format];
  lines_.resize(static_cast<size_t>(chunk_cols * unit_rows * lines.element_bytes()));
  for (int64_t c = 0; c < matrix.cols; c += chunk_cols, out += chunk_cols / group_size * group_bytes) {
    const int64_t count = std::min(chunk_cols, matrix.cols - c);
    lines.read(c, c + count, lines_.data());
    for (int panel = 0; panel < 2; panel++) {
      if (!round(lines_.data() + panel * panel_rows * lines.element_bytes(), count, out + panel * panel_bytes))
        throw Error(
            {.what = "a weight is not finite", .where = source.stored.name(), .found = "infinity or no number"});
    }
  }
}

}  // namespace foretell
