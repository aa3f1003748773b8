#include "sampling/softmax.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace foretell {
namespace {

constexpr double least = -708;

// exp(x), -708 <= x <= 0: the method of exact_exp (base/exact_math.h) without a branch, so that a loop over it becomes
// vector instructions.
inline double exp_in_range(double x) {
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

}  // namespace

void exponentiate(double* values, size_t count) {
  constexpr size_t block = 256;
  for (size_t begin = 0; begin < count; begin += block) {
    double* v = values + begin;
    const size_t size = std::min(block, count - begin);
    if (*std::min_element(v, v + size) >= least) {
      for (size_t i = 0; i < size; i++) v[i] = exp_in_range(v[i]);
    } else {
      for (size_t i = 0; i < size; i++) v[i] = v[i] < least ? 0.0 : exp_in_range(v[i]);
    }
  }
}

}  // namespace foretell
