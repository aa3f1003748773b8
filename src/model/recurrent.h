// Mixers that carry a state from token to token instead of keeping keys and values. Tokens are taken one by one, so an
// answer does not depend on how a prompt was cut up; threads share out channels and heads.
#pragma once

#include <cstdint>
#include <vector>

#include "arch/spec.h"
#include "kernels/table.h"
#include "model/weights.h"

namespace foretell {

// Columns [begin, end) of rows [count] with `stride` floats from row to row.
struct Columns {
  float* data = nullptr;
  int64_t stride = 0, count = 0;
  int64_t begin = 0, end = 0;
};

// A causal convolution of each channel by itself, in place: x[t] = sum of taps[k] * x[t - kernel + 1 + k]. `taps` and
// `state` (the last kernel - 1 inputs, the oldest first) are [..][channels] with `channels` floats from one to the
// next, of which these columns begin at `first`.
void convolve(const float* taps, int64_t kernel, int64_t channels, int64_t first, float* state, const Columns& x);

// One value head of the gated delta rule (Yang et al., arXiv:2412.06464) for the tokens of a piece, in order.
struct DeltaHead {
  const DeltaNet& spec;
  const DeltaWeights& weights;
  int64_t head = 0;
  float* memory = nullptr;  // [key_dim][value_dim]
};
// Rows of a piece, strides in floats: queries and keys [key_heads * key_dim], values [value_heads * value_dim], beta
// and decay [value_heads] as projected. The head's part of `values` is replaced by its output, normed.
struct DeltaRows {
  float *queries, *keys, *values, *beta, *decay;
  int64_t query_stride, key_stride, value_stride, beta_stride, count;
};
// `scratch` is kept by the caller so that nothing is allocated per token.
void run_delta_head(const kernels::Table& table, const DeltaHead& head, const DeltaRows& rows,
                    std::vector<float>& scratch);

}  // namespace foretell
