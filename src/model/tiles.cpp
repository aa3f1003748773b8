#include "model/tiles.h"

#include <algorithm>

#include "model/padding.h"

namespace foretell {

Tiles::Tiles(const kernels::Table& table, const InputFormats& formats, int64_t max_rows, int64_t cols)
    : table_(&table), formats_(formats) {
  const int64_t groups = (cols + kernels::group_size - 1) / kernels::group_size;
  float_bytes_ = round_up(cols, 16) * 4;
  integer_bytes_ = groups * kernels::int8_group_bytes(1);
  if (formats.floats) floats_ = AlignedBuffer<std::byte>(max_rows * float_bytes_);
  if (formats.integers) integers_ = AlignedBuffer<std::byte>(max_rows * integer_bytes_);
  if (formats.pairs) pairs_ = AlignedBuffer<std::byte>(max_rows * 2 * integer_bytes_);
}

// Of a tile with two terms a row, how many rows are multiplied at once: all or half of them.
int Tiles::rows_of_pairs(int count) const { return 2 * count <= table_->tile_rows ? count : (count + 1) / 2; }

void Tiles::write(int64_t first_row, int count, const float* x, int64_t stride, int64_t first, int64_t cols) {
  const int64_t group = first / kernels::group_size, whole = round_up(cols, kernels::group_size);
  if (formats_.floats)
    table_->float_tile(x, stride, count, cols, floats_.data() + first_row * float_bytes_ + first * count * 4);
  if (formats_.integers)
    table_->int8_tile(x, stride, count, whole,
                      integers_.data() + first_row * integer_bytes_ + group * kernels::int8_group_bytes(count));
  if (!formats_.pairs) return;
  const int half = rows_of_pairs(count);
  for (int r = 0; r < count; r += half) {
    const int rows = std::min(half, count - r);
    std::byte* to = pairs_.data() + (first_row + r) * 2 * integer_bytes_;
    table_->int8_pair_tile(x + r * stride, stride, rows, whole, to + group * kernels::int8_group_bytes(2 * rows));
  }
}

void Tiles::read(int64_t first_row, int count, int64_t cols, float* out) const {
  const auto* floats = reinterpret_cast<const float*>(floats_.data() + first_row * float_bytes_);  // [cols][count]
  for (int r = 0; r < count; r++)
    for (int64_t c = 0; c < cols; c++) out[r * cols + c] = floats[c * count + r];
}

void Tiles::multiply(InputFormat input, kernels::Format format, kernels::Scale scale, const void* unit, int64_t cols,
                     int64_t first_row, int count, float* out) const {
  const auto f = static_cast<size_t>(format), s = kernels::is_affine(format) ? static_cast<size_t>(scale) : 0;
  switch (input) {
    case InputFormat::Float:
      return table_->float_product[f][s](unit, cols, floats_.data() + first_row * float_bytes_, count, out);
    case InputFormat::Int8:
      return table_->int8_product[f][s](unit, cols, integers_.data() + first_row * integer_bytes_, count, out);
    case InputFormat::Int8Pair:
      break;
  }
  const int half = rows_of_pairs(count);
  float terms[kernels::max_tile_rows * kernels::unit_rows];
  for (int r = 0; r < count; r += half) {
    const int rows = std::min(half, count - r);
    const std::byte* from = pairs_.data() + (first_row + r) * 2 * integer_bytes_;
    table_->int8_product[f][s](unit, cols, from, 2 * rows, terms);
    for (int i = 0; i < rows; i++)
      for (int o = 0; o < kernels::unit_rows; o++)
        out[(r + i) * kernels::unit_rows + o] =
            terms[2 * i * kernels::unit_rows + o] + terms[(2 * i + 1) * kernels::unit_rows + o];
  }
}

}  // namespace foretell
