// The second moments of the inputs of a product: H[i][j] is the sum of x[i] * x[j] over the tokens of a text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "kernels/table.h"
#include "model/padding.h"

namespace foretell {

class InputMoments {
 public:
  // Beyond so many inputs (1 GiB of moments) only H[i][i] is kept.
  static constexpr int64_t widest = 16384;
  static int64_t bytes(int64_t cols);

  explicit InputMoments(int64_t cols);

  int64_t cols() const { return cols_; }
  int64_t tokens() const { return tokens_; }
  bool full() const { return !products_.empty(); }
  float diagonal(int64_t i) const { return full() ? at(i, i) : squares_[static_cast<size_t>(i)]; }
  float at(int64_t i, int64_t j) const {  // full only
    return products_[static_cast<size_t>(std::min(i, j) * stride_ + std::max(i, j))];
  }

  // Adds `count` tokens, [count][padded(cols)], zeros behind the row. The same sums on every machine.
  void add(const float* rows, int64_t count, const kernels::Table& table, ThreadPool& pool);
  static int64_t padded(int64_t cols) { return round_up(cols, 16); }

 private:
  int64_t cols_, stride_;
  int64_t tokens_ = 0;
  std::vector<float> products_;  // [cols][stride], from the diagonal on
  std::vector<float> squares_;   // [cols]
};

}  // namespace foretell
