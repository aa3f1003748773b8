#include "sampling/softmax.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

// Each pass is compiled again for wider vectors, where the processor may have them. It does the same: nothing is fused
// (-ffp-contract=off), and the lanes of a sum are fixed.
#define FORETELL_INLINE inline __attribute__((always_inline))
#if defined(__x86_64__)
#define FORETELL_PASS(call) return has_avx512 ? avx512::call : has_avx2 ? avx2::call : plain::call
#else
#define FORETELL_PASS(call) return plain::call
#endif

namespace foretell {
namespace {

constexpr double least = -708;

#if defined(__x86_64__)
const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
const bool has_avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0;
#endif

// exp(x), -708 <= x <= 0: the method of exact_exp (base/exact_math.h) without a branch, so that a loop over it becomes
// vector instructions.
FORETELL_INLINE double exp_in_range(double x) {
  constexpr double big = 0x1.8p52;  // adding it rounds to an integer, which then is in the low bits
  const double shifted = x * 1.4426950408889634 + big;
  const double n = shifted - big;
  const double r = (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
  double p = 1.0 / 6227020800.0;  // 1/13!
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  return std::bit_cast<double>(std::bit_cast<uint64_t>(p) + (std::bit_cast<uint64_t>(shifted) << 52));  // p * 2^n
}

FORETELL_INLINE double exponentials_of(const float* logits, size_t count, double best, double* values) {
  constexpr size_t block = 256;
  double lanes[4] = {};
  for (size_t begin = 0; begin < count; begin += block) {
    const float* x = logits + begin;
    double* v = values + begin;
    const size_t size = std::min(block, count - begin);
    double lowest = 0;
    for (size_t i = 0; i < size; i++) {
      v[i] = static_cast<double>(x[i]) - best;
      lowest = v[i] < lowest ? v[i] : lowest;
    }
    if (lowest >= least) {
      for (size_t i = 0; i < size; i++) v[i] = exp_in_range(v[i]);
    } else {
      for (size_t i = 0; i < size; i++) v[i] = v[i] < least ? 0.0 : exp_in_range(v[i]);
    }
    size_t i = 0;
    for (; i + 4 <= size; i += 4) {
      for (size_t lane = 0; lane < 4; lane++) lanes[lane] += v[i + lane];
    }
    for (; i < size; i++) lanes[i % 4] += v[i];
  }
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

template <bool magnitude>
FORETELL_INLINE float largest_of(const float* values, size_t count) {
  constexpr size_t width = 32;
  float lanes[width];
  for (float& lane : lanes) lane = magnitude ? 0 : -std::numeric_limits<float>::infinity();
  size_t i = 0;
  for (; i + width <= count; i += width) {
    for (size_t lane = 0; lane < width; lane++) {
      const float v = magnitude ? std::abs(values[i + lane]) : values[i + lane];
      lanes[lane] = lanes[lane] < v ? v : lanes[lane];
    }
  }
  for (; i < count; i++) {
    const float v = magnitude ? std::abs(values[i]) : values[i];
    lanes[0] = lanes[0] < v ? v : lanes[0];
  }
  for (size_t half = width / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; lane++)
      lanes[lane] = lanes[lane] < lanes[lane + half] ? lanes[lane + half] : lanes[lane];
  }
  return lanes[0];
}

FORETELL_INLINE bool copy_of(const float* from, size_t count, float* to) {
  constexpr uint32_t exponent = 0x7f800000;
  uint32_t others = 0;  // no early end: so it is one vector loop
  for (size_t i = 0; i < count; i++) {
    to[i] = from[i];
    others |= static_cast<uint32_t>((std::bit_cast<uint32_t>(from[i]) & exponent) == exponent);
  }
  return others == 0;
}

FORETELL_INLINE void divide_by(float* values, size_t count, float divisor) {
  for (size_t i = 0; i < count; i++) values[i] /= divisor;
}

#define FORETELL_PASSES(target)                                                                            \
  target double exponentials(const float* x, size_t count, double best, double* values) {                  \
    return exponentials_of(x, count, best, values);                                                        \
  }                                                                                                        \
  target float largest(const float* x, size_t count) { return largest_of<false>(x, count); }               \
  target float largest_magnitude(const float* x, size_t count) { return largest_of<true>(x, count); }      \
  target bool copy_finite(const float* from, size_t count, float* to) { return copy_of(from, count, to); } \
  target void divide(float* x, size_t count, float divisor) { divide_by(x, count, divisor); }

namespace plain {
FORETELL_PASSES()
}
#if defined(__x86_64__)
namespace avx2 {
FORETELL_PASSES(__attribute__((target("avx2"))))
}
namespace avx512 {
FORETELL_PASSES(__attribute__((target("avx512f,avx512dq"))))
}
#endif

}  // namespace

double exponentials(std::span<const float> logits, double best, double* values) {
  FORETELL_PASS(exponentials(logits.data(), logits.size(), best, values));
}
float largest(std::span<const float> values) { FORETELL_PASS(largest(values.data(), values.size())); }
float largest_magnitude(std::span<const float> values) {
  FORETELL_PASS(largest_magnitude(values.data(), values.size()));
}
bool copy_finite(const float* from, size_t count, float* to) { FORETELL_PASS(copy_finite(from, count, to)); }
void divide(std::span<float> values, float divisor) { FORETELL_PASS(divide(values.data(), values.size(), divisor)); }

}  // namespace foretell
