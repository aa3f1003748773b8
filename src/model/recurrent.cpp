#include "model/recurrent.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/exact_math.h"
#include "model/norm.h"
#include "model/padding.h"

namespace foretell {
namespace {

// x / sqrt(sum(x^2) + 1e-6), as the reference (flash-linear-attention) has it
void l2_normalize(const float* x, int64_t n, float scale, float* out) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
  const float factor = scale / std::sqrt(sum + 1e-6f);
  for (int64_t i = 0; i < n; i++) out[i] = x[i] * factor;
}

float sigmoid(float x) { return static_cast<float>(1 / (1 + exact_exp(-static_cast<double>(x)))); }

// What is left of the memory: exp(-exp(rate) * softplus(x + bias)).
float decay_factor(float x, float bias, float rate) {
  const double y = static_cast<double>(x) + bias;
  const double softplus = y > 20 ? y : exact_log(1 + exact_exp(y));
  return static_cast<float>(exact_exp(-exact_exp(rate) * softplus));
}

}  // namespace

void convolve(const float* taps, int64_t kernel, int64_t channels, int64_t first, float* state, const Columns& x) {
  const int64_t past = kernel - 1;
  for (int64_t t = 0; t < x.count; t++) {
    float* row = x.data + t * x.stride;
    for (int64_t c = x.begin; c < x.end; c++) {
      const int64_t channel = first + c;
      const float current = row[c];
      float sum = 0;
      for (int64_t k = 0; k < past; k++) sum += taps[k * channels + channel] * state[k * channels + channel];
      row[c] = sum + taps[past * channels + channel] * current;
      for (int64_t k = 0; k + 1 < past; k++) state[k * channels + channel] = state[(k + 1) * channels + channel];
      if (past > 0) state[(past - 1) * channels + channel] = current;
    }
  }
}

void run_delta_head(const kernels::Table& table, const DeltaHead& head, const DeltaRows& rows,
                    std::vector<float>& scratch) {
  const DeltaNet& d = head.spec;
  const int64_t key_head = head.head / (d.value_heads / d.key_heads);
  const float query_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(d.key_dim)));
  const int64_t padded_values = round_up(d.value_dim, 16);
  scratch.assign(static_cast<size_t>(2 * d.key_dim + d.value_dim + padded_values), 0.0f);
  float* const query = scratch.data();         // [key_dim]
  float* const key = query + d.key_dim;        // [key_dim]
  float* const change = key + d.key_dim;       // [value_dim]
  float* const output = change + d.value_dim;  // [padded_values]
  for (int64_t t = 0; t < rows.count; t++) {
    const float* q = rows.queries + t * rows.query_stride + key_head * d.key_dim;
    const float* k = rows.keys + t * rows.key_stride + key_head * d.key_dim;
    float* value = rows.values + t * rows.value_stride + head.head * d.value_dim;
    l2_normalize(q, d.key_dim, query_scale, query);
    l2_normalize(k, d.key_dim, 1, key);
    const float beta = sigmoid(rows.beta[t * rows.beta_stride + head.head]);
    const float left = decay_factor(rows.decay[t * rows.beta_stride + head.head], head.weights.time_bias[head.head],
                                    head.weights.rate[head.head]);
    // The memory forgets, then learns what it did not yet tell for this key.
    std::fill_n(change, d.value_dim, 0.0f);
    for (int64_t i = 0; i < d.key_dim; i++) {
      float* row = head.memory + i * d.value_dim;
      for (int64_t j = 0; j < d.value_dim; j++) {
        row[j] *= left;
        change[j] += row[j] * key[i];
      }
    }
    for (int64_t j = 0; j < d.value_dim; j++) change[j] = (value[j] - change[j]) * beta;
    std::fill_n(output, padded_values, 0.0f);
    for (int64_t i = 0; i < d.key_dim; i++) {
      float* row = head.memory + i * d.value_dim;
      for (int64_t j = 0; j < d.value_dim; j++) {
        row[j] += key[i] * change[j];
        output[j] += row[j] * query[i];
      }
    }
    apply_norm(table, d.norm, head.weights.norm.weight.data(), head.weights.norm.bias.data(), output, d.value_dim,
               output);
    std::copy_n(output, d.value_dim, value);
  }
}

}  // namespace foretell
