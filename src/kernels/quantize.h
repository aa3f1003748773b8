// Rounds float weights to affine groups while a model loads, written once over a vector of 16 floats (V). A lane is an
// output row, so that nothing is summed or compared across lanes, and what comes out is the panel's layout.
#pragma once

#include "kernels/float_products.h"

namespace {

// The formula is that of checkpoint/quantize.h, lane by lane; the comparisons choose as std::min and std::max do.
template <Format F, Format To>
bool quantize_panel(const void* columns, int64_t cols, void* panel) {
  constexpr int64_t line = unit_rows * (F == Format::Float32 ? 4 : 2);
  constexpr int bits = code_bits(To);
  const auto* in = static_cast<const unsigned char*>(columns);
  auto* out = static_cast<unsigned char*>(panel);
  const V zero = all(0.0f), most = all(static_cast<float>((1 << bits) - 1));
  V check = zero;  // 0 times a number; NaN, where one is not finite
  for (int64_t c = 0; c < cols;
       c += group_size, in += group_size * line, out += panel_group_bytes(To, Scale::Float32)) {
    V low = load_weights<F>(in), high = low;
    for (int i = 0; i < group_size; i++) {
      const V v = load_weights<F>(in + i * line);
      check = check + v * zero;
      low = min(v, low);
      high = max(v, high);
    }
    const V magnitude_low = abs(low), magnitude_high = abs(high);
    const V edge = where_less(magnitude_high, magnitude_low, low, high);
    const V size = max((high - low) / most, all(1e-7f));
    const V signed_size = where_less(magnitude_high, magnitude_low, size, zero - size);
    const V steps = round(edge / signed_size), some = abs(steps);
    const V scale = where_less(zero, some, edge / steps, signed_size);
    const V bias = where_less(zero, some, edge, zero);
    const auto code = [&](int i) {
      return min(max(round((load_weights<F>(in + i * line) - bias) / scale), zero), most);
    };
    // Half a word: its codes as the digits of one number.
    const auto two = [&](int i, int step, float base) { return code(i + step) * all(base) + code(i); };
    const auto four = [&](int i) { return two(i + 2, 1, 16) * all(256) + two(i, 1, 16); };
    for (int j = 0; j < bits; j++) {
      const int i = bits == 4 ? 8 * j : j / 2 * 8 + j % 2;
      const V lower = bits == 4 ? four(i) : two(i, 2, 256), upper = bits == 4 ? four(i + 4) : two(i + 4, 2, 256);
      store_words(out + 64 * j, lower, upper);
    }
    store(reinterpret_cast<float*>(out + 64 * bits), scale);
    store(reinterpret_cast<float*>(out + 64 * bits) + panel_rows, bias);
  }
  return sum(check) == 0;
}

}  // namespace
