// The tensors of a folder to write, made of stored ones: floats of a wanted type, and affine groups in MLX's layout.
// Rows are shared out over the threads of a pool while they are written.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/stored_matrix.h"
#include "checkpoint/writer.h"

namespace foretell {

struct GroupLayout {
  int bits = 0, group_size = 0;
  friend auto operator<=>(const GroupLayout&, const GroupLayout&) = default;
};

// Rows [first, first + count) of affine groups: codes [count, cols], one a byte; scales and biases
// [count, cols / group_size]. Called by several threads at once.
using GroupReader = std::function<void(int64_t first, int64_t count, uint8_t* codes, float* scales, float* biases)>;
// How the rows of one matrix of a stack are read, or of the only one; asked for matrix by matrix, by one thread. Rows
// are counted through the stack.
using SliceReader = std::function<GroupReader(int64_t slice)>;
inline SliceReader every_slice(GroupReader read) {
  return [read = std::move(read)](int64_t) { return read; };
}

// The bytes of a float type, rounded to nearest, ties to even. Throws Error where a finite value becomes infinite; the
// caller adds which tensor.
void store_floats(const float* values, int64_t count, DType dtype, std::byte* out);

// A matrix or stack as floats of `dtype`; with `turn` each matrix turned round. Where the stored type is the same, its
// bits are copied. `matrix` outlives nothing: it is copied.
TensorToWrite float_tensor(const StoredMatrix& matrix, DType dtype, bool turn, ThreadPool& pool);

// Any tensor of floats that is no matrix, element by element.
TensorToWrite plain_floats(const std::string& name, const TensorView& view, DType dtype);

// A tensor's bytes.
TensorToWrite copied_tensor(const std::string& name, const TensorView& view);

// LAYER.weight (words of codes), LAYER.scales and LAYER.biases; `shape` is the matrix's or stack's, `dtype` that of the
// last two.
std::vector<TensorToWrite> group_tensors(const std::string& layer, const std::vector<int64_t>& shape,
                                         GroupLayout layout, DType dtype, const SliceReader& read, ThreadPool& pool);

// As [rows, cols], or [slices, rows, cols] for a stack.
std::vector<int64_t> shape_of(const StoredMatrix& matrix);

}  // namespace foretell
