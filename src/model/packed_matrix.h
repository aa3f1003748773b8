// A weight matrix in the order in which the kernels read it (kernels/table.h describes the layouts).
#pragma once

#include <cstddef>
#include <cstdint>

#include "checkpoint/stored_matrix.h"
#include "foretell/model.h"
#include "kernels/table.h"

namespace foretell {

// Some rows of a stored matrix, or, with `transposed`, some columns of one that is stored [inputs, outputs].
struct MatrixSource {
  StoredMatrix stored;
  int64_t first = 0;
  int64_t rows = 0, cols = 0;  // [outputs, inputs] of this matrix
  bool transposed = false;
  int64_t run = 0, step = 0;  // rows in runs: output r is the stored row first + r / run * step + r % run; run 0: all

  int64_t stored_row(int64_t r) const { return run == 0 ? first + r : first + r / run * step + r % run; }
};

struct PackedMatrix {
  kernels::Format format = kernels::Format::Float32;
  kernels::Scale scale = kernels::Scale::Float16;
  int64_t rows = 0, cols = 0;       // [outputs, inputs]
  const std::byte* data = nullptr;  // in the model's arena
  int64_t stride = 0;               // bytes from one unit to the next

  int64_t units() const { return (rows + kernels::unit_rows - 1) / kernels::unit_rows; }
  int64_t unit_bytes() const { return kernels::unit_bytes(format, scale, cols); }
  int64_t bytes() const { return units() * unit_bytes(); }
  const std::byte* unit(int64_t i) const { return data + i * stride; }
};

// How `source` will be packed. Groups keep their codes and scales, floats their type. What can only be decoded becomes
// float32 at Precision::Exact and else 8-bit affine groups of 32 (relative root mean square error 0.3 to 0.5 %; 0.49 %
// for the Q6_K matrices of Gemma 3 270M). `quantize_bits` 4 or 8 (0: not asked for) turns both of these into groups of
// so many bits; all that needs the inputs to come in whole groups.
PackedMatrix plan_packing(const MatrixSource& source, int quantize_bits, Precision precision);

// Row `row` as floats, [cols].
void unpack_row(const PackedMatrix& matrix, int64_t row, float* out);

}  // namespace foretell
