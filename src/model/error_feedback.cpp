#include "model/error_feedback.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "checkpoint/quantize.h"
#include "model/rounding.h"

namespace foretell {
namespace {

constexpr int64_t block = 64;  // inputs that are rounded, or factorized, before others hear of them

}  // namespace

ErrorFeedback::ErrorFeedback(const InputMoments& moments, const kernels::Table& table, ThreadPool& pool)
    : table_(table), cols_(moments.cols()), stride_(InputMoments::padded(moments.cols())) {
  double mean = 0;
  for (int64_t i = 0; i < cols_; i++) mean += moments.diagonal(i) / static_cast<double>(cols_);
  if (!(mean > 0) || !std::isfinite(mean)) return;
  importance_.resize(static_cast<size_t>(cols_));
  for (int64_t i = 0; i < cols_; i++)
    importance_[static_cast<size_t>(i)] = static_cast<float>(moments.diagonal(i) / mean + 0.01);
  if (!moments.full()) return;
  order_.resize(static_cast<size_t>(cols_));
  std::iota(order_.begin(), order_.end(), int64_t{0});
  std::stable_sort(order_.begin(), order_.end(), [&](int64_t a, int64_t b) {
    return importance_[static_cast<size_t>(a)] > importance_[static_cast<size_t>(b)];
  });
  for (double part = 0.01; part < 100; part *= 10)
    if (factorize(moments, part * mean, pool)) return;
  feedback_.clear();
}

// H = R R^T with R upper triangular, from the last input to the first; U[j][k] = R[j][k] / R[k][k]. False where
// rounding has left H with a direction that no input has.
bool ErrorFeedback::factorize(const InputMoments& moments, double damping, ThreadPool& pool) {
  feedback_.assign(static_cast<size_t>(cols_ * stride_), 0.0f);
  for_blocks(pool, cols_, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; i++)
      for (int64_t j = i; j < cols_; j++)
        feedback_[static_cast<size_t>(i * stride_ + j)] =
            moments.at(order_[static_cast<size_t>(i)], order_[static_cast<size_t>(j)]) +
            (i == j ? static_cast<float>(damping) : 0.0f);
  });
  std::vector<float> panel(static_cast<size_t>(block * stride_));  // columns [begin, end), turned
  std::vector<float> inverse(static_cast<size_t>(cols_));
  for (int64_t begin = (cols_ - 1) / block * block; begin >= 0; begin -= block) {
    const int64_t end = std::min(begin + block, cols_), width = end - begin;
    factorize_panel(begin, end, panel.data());
    for (int64_t k = begin; k < end; k++) {
      const float pivot = panel[static_cast<size_t>((k - begin) * stride_ + k)];
      if (!(pivot > 0) || !std::isfinite(pivot)) return false;
      inverse[static_cast<size_t>(k)] = 1 / pivot;
    }
    for_blocks(pool, begin, [&](int64_t first, int64_t count) {
      const int64_t from = first / 16 * 16, columns = begin - from;
      std::vector<float> products(static_cast<size_t>(count * columns));
      table_.matrix_product[static_cast<int>(kernels::Format::Float32)](
          feedback_.data() + first * stride_ + begin, stride_, static_cast<int>(count), panel.data() + from, stride_,
          width, columns, products.data(), columns);
      for (int64_t i = 0; i < count; i++) {
        float* row = feedback_.data() + (first + i) * stride_ + from;
        for (int64_t j = 0; j < columns; j++) row[j] -= products[static_cast<size_t>(i * columns + j)];
      }
    });
  }
  for (int64_t j = 0; j < cols_; j++) {
    float* row = feedback_.data() + j * stride_;
    std::fill(row, row + j + 1, 0.0f);
    for (int64_t k = j + 1; k < cols_; k++) row[k] *= inverse[static_cast<size_t>(k)];
  }
  return true;
}

// The columns of R from `begin` to `end`, to feedback_ and, turned, to panel[end - begin][stride].
void ErrorFeedback::factorize_panel(int64_t begin, int64_t end, float* panel) {
  for (int64_t k = begin; k < end; k++)
    for (int64_t i = 0; i <= k; i++) panel[(k - begin) * stride_ + i] = feedback_[static_cast<size_t>(i * stride_ + k)];
  for (int64_t k = end - 1; k >= begin; k--) {
    float* column = panel + (k - begin) * stride_;
    column[k] = std::sqrt(column[k]);
    for (int64_t i = 0; i < k; i++) column[i] /= column[k];
    for (int64_t j = begin; j < k; j++) {
      float* other = panel + (j - begin) * stride_;
      const float factor = column[j];
      for (int64_t i = 0; i <= j; i++) other[i] -= column[i] * factor;
    }
  }
  for (int64_t i = 0; i < end; i++)
    for (int64_t k = std::max(begin, i); k < end; k++)
      feedback_[static_cast<size_t>(i * stride_ + k)] = panel[(k - begin) * stride_ + i];
}

void ErrorFeedback::round(const float* weights, int64_t count, GroupLayout layout, DType dtype, uint8_t* codes,
                          float* scales, float* biases) const {
  if (importance_.empty())
    return round_nearest({weights, static_cast<size_t>(count * cols_)}, layout, dtype, codes, scales, biases);
  const int64_t groups = cols_ / layout.group_size;
  const auto size = static_cast<size_t>(layout.group_size);
  const std::span<const float> importance = importance_;
  std::vector<AffineGrid> grids(static_cast<size_t>(count * groups));
  for (int64_t r = 0; r < count; r++) {
    for (int64_t g = 0; g < groups; g++) {
      const auto first = static_cast<size_t>(g) * size;
      const std::span<const float> group(weights + r * cols_ + g * layout.group_size, size);
      const AffineGrid grid = fit_grid(group, importance.subspan(first, size), layout.bits, dtype);
      grids[static_cast<size_t>(r * groups + g)] = grid;
      scales[r * groups + g] = grid.scale;
      biases[r * groups + g] = grid.bias;
      if (!feedback_.empty()) continue;
      for (size_t i = 0; i < size; i++)
        codes[static_cast<size_t>(r * cols_) + first + i] = nearest_code(grid, layout.bits, group[i]);
    }
  }
  if (feedback_.empty()) return;

  std::vector<float> errors(static_cast<size_t>(count * stride_));   // in the order of rounding
  std::vector<float> passed_on(static_cast<size_t>(count * block));  // what comes from earlier blocks
  for (int64_t begin = 0; begin < cols_; begin += block) {
    const int64_t width = std::min(block, stride_ - begin), end = std::min(begin + block, cols_);
    table_.matrix_product[static_cast<int>(kernels::Format::Float32)](errors.data(), stride_, static_cast<int>(count),
                                                                      feedback_.data() + begin, stride_, begin, width,
                                                                      passed_on.data(), block);
    for (int64_t r = 0; r < count; r++) {
      float* target = passed_on.data() + r * block;
      for (int64_t k = begin; k < end; k++) {
        const int64_t input = order_[static_cast<size_t>(k)];
        const AffineGrid& grid = grids[static_cast<size_t>(r * groups + input / layout.group_size)];
        const float weight = weights[r * cols_ + input];
        const uint8_t code = nearest_code(grid, layout.bits, weight + target[k - begin]);
        codes[r * cols_ + input] = code;
        const float error = weight - grid_value(grid, code);
        errors[static_cast<size_t>(r * stride_ + k)] = error;
        const float* u = feedback_.data() + k * stride_ + begin;
        for (int64_t j = k + 1 - begin; j < width; j++) target[j] += error * u[j];
      }
    }
  }
}

}  // namespace foretell
