// Rounds weights to affine groups so that what they compute changes little: each weight's error is made good by those
// that are rounded after it.
//
// With the inputs' second moments H, a row's error e changes its outputs by e H e^T (summed squares over the text).
// With H = (U + 1) D (U + 1)^T, U strictly upper triangular, rounding input k after
//   w[k] + sum over j < k of e[j] U[j][k]
// leaves sum D[k] e'[k]^2 with e' no larger than half a step. That is GPTQ (Frantar et al., arXiv:2210.17323) in the
// form that Chee et al. show to be the same (LDLQ, arXiv:2307.13304, section 3), which needs no inverse.
#pragma once

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/dtype.h"
#include "kernels/table.h"
#include "model/input_moments.h"
#include "model/tensor_writers.h"

namespace foretell {

class ErrorFeedback {
 public:
  // Factorizes H with 1 % of its mean diagonal added to the diagonal, as GPTQ does. Where only H's diagonal is known,
  // no error is passed on; where nothing was seen (an expert that no token chose), rows are rounded as by
  // round_nearest.
  ErrorFeedback(const InputMoments& moments, const kernels::Table& table, ThreadPool& pool);

  // Rounds `count` rows of [cols] weights, which are finite; as round_nearest. Thread-safe.
  void round(const float* weights, int64_t count, GroupLayout layout, DType dtype, uint8_t* codes, float* scales,
             float* biases) const;

 private:
  bool factorize(const InputMoments& moments, double damping, ThreadPool& pool);
  void factorize_panel(int64_t begin, int64_t end, float* panel);

  const kernels::Table& table_;
  int64_t cols_, stride_;
  std::vector<float> importance_;  // [cols]: H's diagonal over its mean; empty: nothing was seen
  std::vector<int64_t> order_;     // the inputs in the order in which they are rounded: the most important first
  std::vector<float> feedback_;    // U, [cols][stride], in that order; empty: none
};

}  // namespace foretell
