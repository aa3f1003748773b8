// What the numbers of stored tensors are like: read once, row by row and over threads, whatever the layout.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/stored_matrix.h"

namespace foretell {

struct TensorStatistics {
  int64_t count = 0;  // numbers
  int64_t zeros = 0;
  int64_t not_finite = 0;  // NaN or infinite; they are left out of what follows
  int64_t first_bad = -1;  // the first of these, as row * columns + column
  float first_bad_value = 0;
  float smallest = std::numeric_limits<float>::infinity(), largest = -std::numeric_limits<float>::infinity();
  double sum = 0, squares = 0;

  double mean() const;
  double deviation() const;  // the standard deviation of all the numbers
  double zero_share() const;
  void add(float value, int64_t place);
  void add(const TensorStatistics& after);  // of the numbers behind these
};

// One for each matrix, in order. The result does not depend on the threads. Pages of files are let go of. `progress` is
// called with the number of numbers read since the last call, by any thread, one at a time; what it throws ends the
// work.
std::vector<TensorStatistics> tensor_statistics(std::span<const StoredMatrix> matrices, ThreadPool& pool,
                                                const std::function<void(int64_t)>& progress = {});

}  // namespace foretell
