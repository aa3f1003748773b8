// Norms, activations, softmax and rounding to integers, written once over a vector of 16 floats (V). Included by each
// instruction set's unit after its vector; everything here is local to that unit.
//
// Sums run in one order everywhere: lane by lane over the vectors, then the fixed tree over the lanes.
#pragma once

#include "kernels/table.h"

// On the loop over a panel's groups: not inlined, so that the same instructions read one panel after the other. The
// hardware fetches ahead by instruction, and two copies that take turns, each with gaps, cost a quarter of the
// bandwidth.
#define FORETELL_APART __attribute__((noinline))

#define FORETELL_UNROLL \
  _Pragma("GCC unroll 16")  // on every loop over an array of registers, or GCC 12 keeps it in memory

namespace {

using namespace foretell::kernels;

constexpr float log2_e = 1.44269504088896341f;

// p * r^N + c[0] * r^(N-1) + ... + c[N-1], by Horner's rule.
template <int N>
inline V horner(V p, V r, const float (&c)[N]) {
  FORETELL_UNROLL for (int i = 0; i < N; i++) p = fma(p, r, all(c[i]));
  return p;
}

// Added to a float below 2^22, it leaves the nearest whole number (ties to even) in the lowest bits of the sum.
constexpr float to_whole = 0x1.8p23f;

// e^y: range reduction to |r| <= ln(2)/2 in two steps (Cody and Waite), then the polynomial 1 + r + ... of degree 6
// whose largest relative error, 3e-9, is least; with what is rounded on the way about 1e-7. 0 below -87, about 1.6e38
// above 88.
inline V exp(V y) {
  const V x = min(max(y, all(-87.0f)), all(88.0f));
  const V shifted = fma(x, all(log2_e), all(to_whole)), n = shifted - all(to_whole);
  const V r = fnma(n, all(-2.12194440e-4f), fnma(n, all(0.693359375f), x));
  const V p = horner(all(1.38145599e-3f), r, {8.36873558e-3f, 4.16683899e-2f, 0.166665205f, 0.499999934f, 1.0f, 1.0f});
  return where_at_least(y, -87.0f, times_power_of_two(p, shifted));
}

// Asks for bytes that lie 4 KiB ahead of what is read now. Products of few rows take about as long as the memory does,
// and the two shall not wait for each other.
inline void fetch_ahead(const void* now, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(static_cast<const char*>(now) + 4096 + at);
}

// y becomes 2^y for -126 <= y, by the polynomials 1 + ... in r = y - round(y) whose largest relative errors are least:
// 9e-8 with degree 5, 3e-6 with degree 4. Several vectors go side by side, since each step waits for the one before.
template <int Degree, int N>
inline void exp2_polynomials(V (&y)[N]) {
  static_assert(Degree == 4 || Degree == 5);
  constexpr int first = Degree == 4 ? 0 : 5;
  static constexpr float c[] = {9.58285315e-3f, 5.59064249e-2f, 0.240240986f, 0.693124193f, 1.0f, 1.32647272e-3f,
                                9.67151267e-3f, 5.55073374e-2f, 0.240222421f, 0.693146978f, 1.0f};
  V shifted[N], p[N];
  FORETELL_UNROLL for (int n = 0; n < N; n++) shifted[n] = y[n] + all(to_whole);
  FORETELL_UNROLL for (int n = 0; n < N; n++) y[n] = y[n] - (shifted[n] - all(to_whole));
  FORETELL_UNROLL for (int n = 0; n < N; n++) p[n] = fma(all(c[first]), y[n], all(c[first + 1]));
  FORETELL_UNROLL for (int i = 2; i <= Degree; i++) FORETELL_UNROLL for (int n = 0; n < N; n++) p[n] =
      fma(p[n], y[n], all(c[first + i]));
  FORETELL_UNROLL for (int n = 0; n < N; n++) y[n] = times_power_of_two(p[n], shifted[n]);
}
template <int Degree>
inline V exp2_polynomial(V y) {
  V one[1] = {y};
  exp2_polynomials<Degree>(one);
  return one[0];
}

// 2^y for y <= 0. 0 below -126.
inline V exp2(V y) { return where_at_least(y, -126.0f, exp2_polynomial<5>(max(y, all(-126.0f)))); }

inline float first_lane(V a) {
  float lanes[16];
  store(lanes, a);
  return lanes[0];
}

inline V sigmoid_times(V x, V y) { return x / (all(1.0f) + exp(all(0.0f) - y)); }  // x * sigmoid(y)
inline V tanh(V x) { return all(1.0f) - all(2.0f) / (exp(x + x) + all(1.0f)); }

// Abramowitz and Stegun, 7.1.26: absolute error below 1.5e-7.
inline V erf(V x) {
  const V a = abs(x), t = all(1.0f) / fma(all(0.3275911f), a, all(1.0f));
  const V p = horner(all(1.061405429f), t, {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f});
  return negate_where_negative(fnma(p * t, exp(all(0.0f) - a * a), all(1.0f)), x);
}

inline V apply(Function f, V x) {
  switch (f) {
    case Function::Silu:
      return sigmoid_times(x, x);
    case Function::Gelu:
      return x * all(0.5f) * (all(1.0f) + erf(x * all(0.70710678f)));
    case Function::GeluTanh:  // Hendrycks and Gimpel, arXiv:1606.08415; (1 + tanh u) / 2 = sigmoid(2u)
      return sigmoid_times(x, all(1.59576912f) * fma(x * x * x, all(0.044715f), x));
    case Function::QuickGelu:
      return sigmoid_times(x, all(1.702f) * x);
    case Function::Relu:
      return max(x, all(0.0f));
    case Function::ReluSquared:
      return max(x, all(0.0f)) * max(x, all(0.0f));
    case Function::Tanh:
      return tanh(x);
    case Function::Sigmoid:
      return sigmoid_times(all(1.0f), x);
    case Function::Identity:
      return x;
  }
  return x;
}

void activate(Function f, const float* x, const float* times, int64_t n, float* y) {
  if (times == nullptr) {
    for (int64_t i = 0; i < n; i += 16) store(y + i, apply(f, load(x + i)));
  } else {
    for (int64_t i = 0; i < n; i += 16) store(y + i, apply(f, load(x + i)) * load(times + i));
  }
}

void rms_norm(const float* x, const float* weight, int64_t n, float epsilon, float* y) {
  V squares = all(0.0f);
  for (int64_t i = 0; i < n; i += 16) squares = fma(load(x + i), load(x + i), squares);
  const V factor = all(1.0f / __builtin_sqrtf(sum(squares) / static_cast<float>(n) + epsilon));
  for (int64_t i = 0; i < n; i += 16) store(y + i, load(x + i) * factor * load(weight + i));
}

void layer_norm(const float* x, const float* weight, const float* bias, int64_t n, float epsilon, float* y) {
  V total = all(0.0f), squares = all(0.0f);
  for (int64_t i = 0; i < n; i += 16) total = total + load(x + i);
  const V mean = all(sum(total) / static_cast<float>(n));
  for (int64_t i = 0; i < n; i += 16) {
    const V d = n - i < 16 ? first_lanes(load(x + i) - mean, static_cast<int>(n - i)) : load(x + i) - mean;
    squares = fma(d, d, squares);
  }
  const V factor = all(1.0f / __builtin_sqrtf(sum(squares) / static_cast<float>(n) + epsilon));
  for (int64_t i = 0; i < n; i += 16)
    store(y + i, fma((load(x + i) - mean) * factor, load(weight + i), load(bias + i)));
}

// What turns values of magnitude `largest` into integers up to `limit`; values too small to be told from 0 become 0.
inline float integers_per_unit(float largest, float limit) { return largest >= 0x1p-100f ? limit / largest : 0.0f; }

inline float largest_magnitude(const float* x, int64_t n) {
  V top = all(0.0f);
  for (int64_t i = 0; i < n; i += 16) top = max(top, abs(load(x + i)));
  return maximum(top);
}

// Calls store(i, v) for each 16 of x from i on, as numbers up to 127 that are still to be rounded; returns the scale.
template <class Store>
inline float scaled_to_int8(const float* x, int64_t n, Store&& store) {
  const float largest = largest_magnitude(x, n);
  const V factor = all(integers_per_unit(largest, 127.0f));
  for (int64_t i = 0; i < n; i += 16) store(i, load(x + i) * factor);
  return largest / 127.0f;
}

float to_int8(const float* x, int64_t n, int8_t* out) {
  return scaled_to_int8(x, n, [=](int64_t i, V v) { store_int8(out + i, v); });
}

// Keys have 128 added, which the sum starts without.
template <class Store>
inline float round_query(const float* x, int64_t n, int32_t* start, Store&& store) {
  V total = all(0.0f);
  const float scale = scaled_to_int8(x, n, [&](int64_t i, V v) {
    const V q = round(v);
    total = total + q;
    store(i, q);
  });
  *start = -128 * static_cast<int32_t>(sum(total));
  return scale;
}

inline float to_byte_query(const float* x, int64_t n, void* out, int32_t* start) {
  return round_query(x, n, start, [=](int64_t i, V q) { store_int8(static_cast<int8_t*>(out) + i, q); });
}

void to_f16(const float* x, int64_t n, uint16_t* out) {
  const V most = all(65504.0f);
  for (int64_t i = 0; i < n; i += 16) store_f16(out + i, max(all(0.0f) - most, min(load(x + i), most)));
}

void float_tile(const float* x, int64_t stride, int rows, int64_t cols, void* tile) {
  auto* out = static_cast<float*>(tile);
  if (rows == 1) {
    __builtin_memcpy(out, x, static_cast<size_t>(cols) * sizeof(float));
    return;
  }
  int first = 0;
  for (; first + 4 <= rows; first += 4) {  // four rows of four columns at once
    const float* from = x + first * stride;
    int64_t c = 0;
    for (; c + 4 <= cols; c += 4) transpose4(from + c, stride, out + c * rows + first, rows);
    for (; c < cols; c++)
      for (int r = 0; r < 4; r++) out[c * rows + first + r] = from[r * stride + c];
  }
  for (; first < rows; first++)
    for (int64_t c = 0; c < cols; c++) out[c * rows + first] = x[first * stride + c];
}

// Writes one row's group: 32 values as integers, their scale and scaled sum. Leaves in a and b what the integers leave
// over.
inline void int8_group(V& a, V& b, int row, int rows, unsigned char* group) {
  const float largest = maximum(max(abs(a), abs(b)));
  const float scale = largest / 127.0f;
  const V factor = all(integers_per_unit(largest, 127.0f));
  const V qa = round(a * factor), qb = round(b * factor);
  alignas(16) int8_t q[32];
  store_int8_even_odd(q, qa);
  store_int8_even_odd(q + 16, qb);
  FORETELL_UNROLL for (int j = 0; j < 8; j++) __builtin_memcpy(group + 4 * (j * rows + row), q + 4 * j, 4);
  const float scaled_sum = scale * sum(qa + qb);  // a sum of integers, so exact in any order
  __builtin_memcpy(group + 4 * (8 * rows + row), &scale, 4);
  __builtin_memcpy(group + 4 * (9 * rows + row), &scaled_sum, 4);
  a = fnma(qa, all(scale), a);
  b = fnma(qb, all(scale), b);
}

void int8_tile(const float* x, int64_t stride, int rows, int64_t cols, void* tile) {
  for (int r = 0; r < rows; r++) {
    auto* group = static_cast<unsigned char*>(tile);
    for (int64_t c = 0; c < cols; c += group_size, group += int8_group_bytes(rows)) {
      V a = load(x + r * stride + c), b = load(x + r * stride + c + 16);
      int8_group(a, b, r, rows, group);
    }
  }
}

void int8_pair_tile(const float* x, int64_t stride, int rows, int64_t cols, void* tile) {
  for (int r = 0; r < rows; r++) {
    auto* group = static_cast<unsigned char*>(tile);
    for (int64_t c = 0; c < cols; c += group_size, group += int8_group_bytes(2 * rows)) {
      V a = load(x + r * stride + c), b = load(x + r * stride + c + 16);
      int8_group(a, b, 2 * r, 2 * rows, group);
      int8_group(a, b, 2 * r + 1, 2 * rows, group);
    }
  }
}

constexpr float never = -1e30f;  // the score of a key that is not seen: its weight comes out as exactly 0

// The scores' largest value; those of keys that the row does not see are overwritten. `whole` is end rounded up to 16.
inline float mask_and_maximum(const SoftmaxRow& row, int whole, float* scores) {
  for (int i = 0; i < row.begin; i++) scores[i] = never;
  for (int i = row.end; i < whole; i++) scores[i] = never;
  V top = all(never);
  for (int i = 0; i < whole; i += 16) top = max(top, load(scores + i));
  return maximum(top);
}

inline V capped(V score, const SoftmaxRow& row) {
  if (row.cap == 0.0f) return score;
  return all(row.cap * log2_e) * tanh(score / all(row.cap));
}

void softmax(SoftmaxRow& row, float* scores) {
  const int whole = (row.end + 15) / 16 * 16;
  const V scale = all(row.scale);
  for (int i = 0; i < whole; i += 16) store(scores + i, capped(load(scores + i) * scale, row));
  row.maximum = mask_and_maximum(row, whole, scores);
  const V top = all(row.maximum);
  V total = all(0.0f);
  for (int i = 0; i < whole; i += 16) {
    const V weight = exp2(load(scores + i) - top);
    total = total + weight;
    store(scores + i, weight);
  }
  row.sum = sum(total);
}

// Keys of a row in whole blocks of key_columns, for all of which there are scores.
inline int whole_blocks(const SoftmaxRow& row) {
  return row.begin < row.end ? (row.end + key_columns - 1) / key_columns * key_columns : 0;
}

// Not below log2(x), and at most 0.087 above it, for x >= 0: the exponent, and the fraction as if log2(1 + f) were f,
// which is up to 0.0861 too low.
inline V log2_at_most(V x) { return fma(bits_as_number(x), all(0x1p-23f), all(-126.9135f)); }

// Both maxima that a row's weights need in one pass: that of its scores, and a bound for that of weights times values'
// scales, so that the weights can be rounded as soon as they are known.
inline float scores_and_maxima(SoftmaxRow& row, int whole, const int32_t* scores, const float* key_scales,
                               const float* value_logs, float* out) {
  const V scale = all(row.scale);
  V top = all(never), most = all(never);
  for (int i = 0; i < whole; i += 16) {
    const V score = capped(load_i32(scores + i) * (scale * load(key_scales + i)), row);
    top = max(top, score);
    most = max(most, score + load(value_logs + i));
    store(out + i, score);
  }
  if (row.begin == 0 && row.end == whole) {
    row.maximum = maximum(top);
    return maximum(most);
  }
  row.maximum = mask_and_maximum(row, whole, out);
  most = all(never);
  for (int i = 0; i < whole; i += 16) most = max(most, load(out + i) + load(value_logs + i));
  return maximum(most);
}

// In two steps over all rows: what a row waits for in a maximum over its lanes is then hidden behind the next row.
void integer_softmax(SoftmaxRow* rows, int count, const int32_t* scores, const float* key_scales,
                     const float* value_scales, int padded_end, float* scratch, int16_t* weights,
                     float* weight_scales) {
  alignas(64) float value_logs[chunk_keys];
  for (int i = 0; i < chunk_keys; i += 16) store(value_logs + i, log2_at_most(load(value_scales + i)));
  for (int r = 0; r < count; r++)
    if (const int whole = whole_blocks(rows[r]); whole > 0)
      weight_scales[r] =
          scores_and_maxima(rows[r], whole, scores + r * chunk_keys, key_scales, value_logs, scratch + r * chunk_keys);
  for (int r = 0; r < count; r++) {
    const SoftmaxRow row = rows[r];
    const int whole = whole_blocks(row);
    int16_t* w = weights + r * chunk_keys;
    if (whole > 0) {
      const float bound = first_lane(exp2_polynomial<4>(max(all(weight_scales[r] - row.maximum), all(-126.0f))));
      const V factor = all(integers_per_unit(bound, 32767.0f)), top = all(row.maximum);
      V total = all(0.0f);
      for (int i = 0; i < whole; i += 16 * softmax_vectors) {
        V weight[softmax_vectors];
        FORETELL_UNROLL for (int n = 0; n < softmax_vectors; n++) weight[n] =
            max(load(scratch + r * chunk_keys + i + 16 * n) - top, all(-126.0f));
        exp2_polynomials<4>(weight);
        FORETELL_UNROLL for (int n = 0; n < softmax_vectors; n++) total = total + weight[n];
        FORETELL_UNROLL for (int n = 0; n < softmax_vectors; n++)
            store_int16(w + i + 16 * n, weight[n] * (load(value_scales + i + 16 * n) * factor));
      }
      rows[r].sum = sum(total);
      weight_scales[r] = bound / 32767.0f;
      for (int i = 0; i < row.begin; i++) w[i] = 0;
    }
    for (int i = whole > 0 ? row.end : 0; i < padded_end; i++) w[i] = 0;
  }
}

// One step within a vector: sums in the lower lane of each pair, differences in the upper one.
template <int H>
inline V mix_lanes(V x) {
  constexpr auto sign = [](int lane) { return (lane & H) != 0 ? -1.0f : 1.0f; };
  alignas(64) static constexpr float signs[16] = {sign(0),  sign(1),  sign(2),  sign(3), sign(4),  sign(5),
                                                  sign(6),  sign(7),  sign(8),  sign(9), sign(10), sign(11),
                                                  sign(12), sign(13), sign(14), sign(15)};
  return fma(x, load(signs), swap_lanes<H>(x));
}

// A block of N vectors, all of it in registers.
template <int N>
inline void mix_vectors(float* x) {
  V v[N];
  FORETELL_UNROLL for (int i = 0; i < N; i++) v[i] = load(x + 16 * i);
  FORETELL_UNROLL for (int half = 1; half < N; half *= 2) {
    FORETELL_UNROLL for (int i = 0; i < N; i++) {
      if ((i & half) != 0) continue;
      const V a = v[i], b = v[i + half];
      v[i] = a + b;
      v[i + half] = a - b;
    }
  }
  const V scale = all(1.0f / __builtin_sqrtf(16.0f * N));
  FORETELL_UNROLL for (int i = 0; i < N; i++)
      store(x + 16 * i, mix_lanes<1>(mix_lanes<2>(mix_lanes<4>(mix_lanes<8>(v[i])))) * scale);
}

void mix(float* x, int64_t n, int64_t block) {
  if (block == 64)
    for (int64_t i = 0; i < n; i += 64) mix_vectors<4>(x + i);
  if (block == 128)
    for (int64_t i = 0; i < n; i += 128) mix_vectors<8>(x + i);
  if (block == 64 || block == 128) return;
  const V scale = all(1.0f / __builtin_sqrtf(static_cast<float>(block)));
  for (int64_t half = 16; half < block; half *= 2)
    for (int64_t begin = 0; begin < n; begin += 2 * half)
      for (int64_t i = begin; i < begin + half; i += 16) {
        const V a = load(x + i), b = load(x + i + half);
        store(x + i, a + b);
        store(x + i + half, a - b);
      }
  for (int64_t i = 0; i < n; i += 16)
    store(x + i, mix_lanes<1>(mix_lanes<2>(mix_lanes<4>(mix_lanes<8>(load(x + i))))) * scale);
}

void merge(float* acc, const float* chunk, float a, float b, int64_t n, float* acc_sum, float chunk_sum) {
  const V wa = exp2(all(a)), wb = exp2(all(b));
  *acc_sum = __builtin_fmaf(chunk_sum, first_lane(wb), *acc_sum * first_lane(wa));
  for (int64_t i = 0; i < n; i += 16) store(acc + i, fma(load(chunk + i), wb, load(acc + i) * wa));
}

}  // namespace
