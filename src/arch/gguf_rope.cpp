#include "arch/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace foretell {
namespace {

// What the scaling says for one wavelength (transformers' _compute_llama3_parameters).
double factor_of(const Llama3Scaling& scaling, double wavelength) {
  const double turns = static_cast<double>(scaling.original_context) / wavelength;
  const double part = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  const double s = std::clamp(part, 0.0, 1.0);
  return 1 / ((1 - s) / scaling.factor + s);
}

bool fits(const Llama3Scaling& scaling, std::span<const float> factors, const std::vector<double>& wavelengths) {
  if (scaling.original_context < 1 || !(scaling.low_freq_factor > 0)) return false;
  for (size_t i = 0; i < factors.size(); i++) {
    const double expected = factor_of(scaling, wavelengths[i]);
    if (!(std::fabs(factors[i] - expected) <= 1e-5 * expected)) return false;
  }
  return true;
}

// Settings that may have given the factors, the likely ones first: s = (context / wavelength - low) / (high - low).
std::vector<Llama3Scaling> candidates(std::span<const float> factors, const std::vector<double>& wavelengths,
                                      double factor) {
  struct Point {
    double frequency, s;  // 1 / wavelength
  };
  std::vector<Point> between;
  double longest_kept = 0, shortest_scaled = HUGE_VAL;
  for (size_t i = 0; i < factors.size(); i++) {
    const double s = (1 / static_cast<double>(factors[i]) - 1 / factor) / (1 - 1 / factor);
    if (s >= 1 - 1e-6) {
      longest_kept = std::max(longest_kept, wavelengths[i]);
    } else if (s <= 1e-6) {
      shortest_scaled = std::min(shortest_scaled, wavelengths[i]);
    } else {
      between.push_back({1 / wavelengths[i], s});
    }
  }
  std::vector<Llama3Scaling> list;
  const auto add = [&](double low, double high, double context) {
    if (context >= 1 && context < 1e12)
      list.push_back({.factor = factor,
                      .low_freq_factor = low,
                      .high_freq_factor = high,
                      .original_context = std::llround(context)});
  };
  add(1, 4, 8192);        // those of Llama 3 itself
  if (between.empty()) {  // any context between the two borders, best a usual one
    const double least = std::max(4 * longest_kept, 1.0), most = std::min(shortest_scaled, 1e12);
    const double middle = std::sqrt(least * most), power = std::exp2(std::round(std::log2(middle)));
    add(1, 4, least <= power && power <= most ? power : middle);
  } else {
    add(1, 4, (1 + 3 * between.front().s) / between.front().frequency);
  }
  if (between.size() > 1) {
    const Point &first = between.front(), &last = between.back();
    const double slope = (first.s - last.s) / (first.frequency - last.frequency);
    const double zero = first.frequency - first.s / slope;  // the frequency where s is 0: low / context
    const double context = std::round(1 / zero);
    add(1, (zero + 1 / slope) * context, context);
  }
  return list;
}

}  // namespace

std::optional<Llama3Scaling> llama3_scaling(std::span<const float> factors, double theta) {
  if (factors.empty() || !(theta > 1)) return std::nullopt;
  std::vector<double> wavelengths;
  for (size_t i = 0; i < factors.size(); i++) {
    const double exponent = static_cast<double>(i) / static_cast<double>(factors.size());
    wavelengths.push_back(2 * std::numbers::pi * std::pow(theta, exponent));
  }
  const double factor = *std::max_element(factors.begin(), factors.end());
  if (!(factor > 1) || !std::isfinite(factor)) return std::nullopt;
  for (const Llama3Scaling& scaling : candidates(factors, wavelengths, factor))
    if (fits(scaling, factors, wavelengths)) return scaling;
  return std::nullopt;
}

}  // namespace foretell
