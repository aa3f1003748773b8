// Rows of activations in the tiles that the kernels read (kernels/table.h), in the formats that the model's weights
// want.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "kernels/table.h"

namespace foretell {

// How the inputs of a product are given: float32, 8-bit integers, or two 8-bit terms.
enum class InputFormat : uint8_t { Float, Int8, Int8Pair };

struct InputFormats {
  bool floats = false, integers = false, pairs = false;
};

class Tiles {
 public:
  Tiles() = default;
  // Room for `max_rows` rows. A tile has as many as the table takes of these formats at most.
  Tiles(const kernels::Table& table, const InputFormats& formats, int64_t max_rows, int64_t cols);

  // Writes columns [first, first + cols) of the tile that begins at row `first_row`, behind the tiles before: `count`
  // rows of x, `stride` floats apart. Where integers are kept, `first` is a multiple of 32, and x holds whole groups.
  void write(int64_t first_row, int count, const float* x, int64_t stride, int64_t first, int64_t cols);

  // The same tile back as `count` rows of floats, [count, cols], all of which were written; where floats are kept.
  void read(int64_t first_row, int count, int64_t cols, float* out) const;

  // out[count][32] = weights x this tile; `unit` is one of a matrix of these formats with `cols` inputs.
  void multiply(InputFormat input, kernels::Format format, kernels::Scale scale, const void* unit, int64_t cols,
                int64_t first_row, int count, float* out) const;

 private:
  int rows_of_pairs(int count) const;

  const kernels::Table* table_ = nullptr;
  InputFormats formats_;
  int64_t float_bytes_ = 0, integer_bytes_ = 0;  // of one row; two terms have twice the integers'
  AlignedBuffer<std::byte> floats_, integers_, pairs_;
};

}  // namespace foretell
