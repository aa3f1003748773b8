// A matrix of any layout, or each matrix of a stack, as rows of floats, [outputs, inputs].
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "checkpoint/stored_matrix.h"

namespace foretell {

class FloatRows {
 public:
  // `inputs_first`: it is stored as [inputs, outputs] (floats only).
  FloatRows(StoredMatrix matrix, bool inputs_first) : matrix_(std::move(matrix)), turned_(inputs_first) {}

  const StoredMatrix& matrix() const { return matrix_; }
  // The parts of files that only these rows read; none where each row lies scattered over all that is stored.
  std::vector<std::span<const std::byte>> file_bytes(int64_t first, int64_t count) const {
    if (turned_) return {};
    return matrix_.file_bytes(first, count);
  }
  int64_t slices() const { return matrix_.slices(); }
  int64_t outputs() const { return turned_ ? matrix_.cols() : matrix_.rows() / slices(); }
  int64_t rows() const { return slices() * outputs(); }  // of all slices
  int64_t cols() const { return turned_ ? matrix_.rows() / slices() : matrix_.cols(); }

  // Rows [first, first + count) to out, [count, cols]. Thread-safe.
  void read(int64_t first, int64_t count, float* out) const;

 private:
  StoredMatrix matrix_;
  bool turned_;
};

}  // namespace foretell
