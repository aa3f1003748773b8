#include "model/input_moments.h"

namespace foretell {

int64_t InputMoments::bytes(int64_t cols) { return 4 * (cols <= widest ? cols * padded(cols) : cols); }

InputMoments::InputMoments(int64_t cols) : cols_(cols), stride_(padded(cols)) {
  if (cols <= widest) {
    products_.resize(static_cast<size_t>(cols * stride_));
  } else {
    squares_.resize(static_cast<size_t>(cols));
  }
}

void InputMoments::add(const float* rows, int64_t count, const kernels::Table& table, ThreadPool& pool) {
  tokens_ += count;
  if (!full()) {
    for (int64_t t = 0; t < count; t++)
      for (int64_t i = 0; i < cols_; i++) {
        const float x = rows[t * stride_ + i];
        squares_[static_cast<size_t>(i)] += x * x;
      }
    return;
  }
  for_blocks(pool, cols_, [&](int64_t first, int64_t inputs) {
    std::vector<float> turned(static_cast<size_t>(inputs * count));  // [inputs][count]
    for (int64_t t = 0; t < count; t++)
      for (int64_t i = 0; i < inputs; i++) turned[static_cast<size_t>(i * count + t)] = rows[t * stride_ + first + i];
    const int64_t begin = first / 16 * 16, width = stride_ - begin;
    std::vector<float> sums(static_cast<size_t>(inputs * width));
    table.matrix_product[static_cast<int>(kernels::Format::Float32)](
        turned.data(), count, static_cast<int>(inputs), rows + begin, stride_, count, width, sums.data(), width);
    for (int64_t i = 0; i < inputs; i++) {
      float* to = products_.data() + (first + i) * stride_ + begin;
      for (int64_t j = 0; j < width; j++) to[j] += sums[static_cast<size_t>(i * width + j)];
    }
  });
}

}  // namespace foretell
