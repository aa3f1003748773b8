// exp, log, pow, sine and cosine in double that give the same bits on every machine: only additions, multiplications
// and divisions in a fixed order, none fused. (The C library's functions differ between versions and processors.)
// Relative errors are below 4e-16 over the ranges stated.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace foretell {

// 2^n for any n; 0 or infinity where that is out of range.
inline double power_of_two(int64_t n) {
  if (n > 1023) return std::numeric_limits<double>::infinity();
  if (n >= -1022) return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52);
  return n < -1074 ? 0 : std::bit_cast<double>(uint64_t{1} << (n + 1074));
}

inline double round_to_even(double x) {  // |x| < 2^51
  constexpr double big = 0x1.8p52;
  return (x + big) - big;
}

// NaN stays NaN; 0 below -745.2, infinity above 709.8.
inline double exact_exp(double x) {
  if (x != x) return x;
  if (x > 709.8) return std::numeric_limits<double>::infinity();
  if (x < -745.2) return 0;
  const double n = round_to_even(x * 1.4426950408889634);
  // ln 2 in two parts, of which the first has so few bits that its product with n is exact (Cody and Waite).
  const double r = (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
  double p = 1.0 / 87178291200.0;  // 1/14!
  constexpr double reciprocal_factorials[] = {1.0 / 6227020800.0,
                                              1.0 / 479001600.0,
                                              1.0 / 39916800.0,
                                              1.0 / 3628800.0,
                                              1.0 / 362880.0,
                                              1.0 / 40320.0,
                                              1.0 / 5040.0,
                                              1.0 / 720.0,
                                              1.0 / 120.0,
                                              1.0 / 24.0,
                                              1.0 / 6.0,
                                              0.5,
                                              1.0,
                                              1.0};
  for (const double c : reciprocal_factorials) p = p * r + c;
  const auto k = static_cast<int64_t>(n);
  return p * power_of_two(k / 2) * power_of_two(k - k / 2);
}

// x > 0; -infinity at 0, NaN below.
inline double exact_log(double x) {
  if (!(x >= 0)) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (x == std::numeric_limits<double>::infinity()) return x;
  int64_t exponent = 0;
  if (x < std::numeric_limits<double>::min()) x *= 0x1p54, exponent = -54;
  const auto bits = std::bit_cast<uint64_t>(x);
  exponent += static_cast<int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > 1.4142135623730951) m *= 0.5, exponent++;
  const double s = (m - 1) / (m + 1), s2 = s * s;  // log m = 2 atanh s, |s| < 0.1716
  double p = 0;
  for (int i = 23; i >= 3; i -= 2) p = (p + 1.0 / i) * s2;
  const auto n = static_cast<double>(exponent);
  return n * 0x1.62e42fee00000p-1 + (n * 0x1.a39ef35793c76p-33 + 2 * s * p + 2 * s);
}

// base > 0. The relative error grows with |exponent * log base|; below 2e-14 where that stays below 50.
inline double exact_pow(double base, double exponent) { return exact_exp(exponent * exact_log(base)); }

struct SineCosine {
  double sine, cosine;
};
// |x| < 1e6; the absolute error is below 1e-15.
inline SineCosine exact_sine_cosine(double x) {
  const double n = round_to_even(x * 0.63661977236758134308);  // 2/pi
  // pi/2 in three parts of 33 bits (the constants of fdlibm's e_rem_pio2.c).
  const double r =
      ((x - n * 1.57079632673412561417e+00) - n * 6.07710050630396597660e-11) - n * 2.02226624879595063154e-21;
  const double r2 = r * r;
  double s = 0, c = 0;
  for (int i = 18; i >= 2; i -= 2) {  // Taylor series, from the last term
    c = (1 - c) * r2 / (i * (i - 1));
    s = (1 - s) * r2 / (i * (i + 1));
  }
  const double sine = r * (1 - s), cosine = 1 - c;
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace foretell
