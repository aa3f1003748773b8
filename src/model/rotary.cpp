#include "model/rotary.h"

#include <algorithm>
#include <cmath>

#include "base/exact_math.h"

namespace foretell {
namespace {

constexpr double pi = 3.14159265358979323846;

// By which frequencies go.
double frequency_dims(const Rotary& rotary) {
  return static_cast<double>(rotary.odd_dims != 0 ? rotary.odd_dims : rotary.dims);
}

// Llama 3.1's scaling: long waves are stretched by `factor`, short ones stay, those between are blended.
double llama3_frequency(const Llama3Scaling& s, double frequency) {
  const double wavelength = 2 * pi / frequency, context = static_cast<double>(s.original_context);
  if (wavelength < context / s.high_freq_factor) return frequency;
  if (wavelength > context / s.low_freq_factor) return frequency / s.factor;
  const double smooth = (context / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

// YaRN (Peng et al., arXiv:2309.00071, section 3.2): dimensions that turn often keep their frequency, those that turn
// less than once in the original context are interpolated, with a linear ramp between.
struct YarnRamp {
  double low, high;
  YarnRamp(const YarnScaling& s, const Rotary& rotary) {
    const auto dimension = [&](double turns) {  // the dimension that makes so many turns in the original context
      return frequency_dims(rotary) * exact_log(static_cast<double>(s.original_context) / (turns * 2 * pi)) /
             (2 * exact_log(rotary.theta));
    };
    low = dimension(s.beta_fast);
    high = dimension(s.beta_slow);
    if (s.truncate) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0);
    high = std::min(high, frequency_dims(rotary) - 1);
    if (low == high) high += 0.001;
  }
  double interpolated(double pair) const { return std::clamp((pair - low) / (high - low), 0.0, 1.0); }
};

// LongRoPE (Ding et al., arXiv:2402.13753): a divisor for each pair, one set for short texts and one for long ones.
double long_divisor(const LongScaling& s, int64_t pair, int64_t length) {
  const std::vector<double>& factors = length > s.original_context ? s.long_factors : s.short_factors;
  return static_cast<float>(factors.at(static_cast<size_t>(pair)));
}

double scaled(const Rotary& rotary, int64_t pair, double frequency, int64_t length) {
  if (const auto* linear = std::get_if<LinearScaling>(&rotary.scaling)) return frequency / linear->factor;
  if (const auto* llama3 = std::get_if<Llama3Scaling>(&rotary.scaling)) return llama3_frequency(*llama3, frequency);
  if (const auto* yarn = std::get_if<YarnScaling>(&rotary.scaling)) {
    const double part = YarnRamp(*yarn, rotary).interpolated(static_cast<double>(pair));
    return frequency / yarn->factor * part + frequency * (1 - part);
  }
  if (const auto* longer = std::get_if<LongScaling>(&rotary.scaling))
    return frequency / long_divisor(*longer, pair, length);
  if (const auto* part = std::get_if<ProportionalScaling>(&rotary.scaling))
    return pair < part->turning_pairs ? frequency / part->factor : 0;
  return frequency;
}

// Dynamic NTK scaling: the base grows with the length beyond the original context (the formula of transformers'
// modeling_rope_utils.py, which names the Reddit users bloc97 and emozilla).
double base_of(const Rotary& rotary, int64_t length) {
  const auto* dynamic = std::get_if<DynamicScaling>(&rotary.scaling);
  if (dynamic == nullptr || length <= dynamic->original_context) return rotary.theta;
  const double stretch = static_cast<double>(length) / static_cast<double>(dynamic->original_context);
  const double dims = frequency_dims(rotary);
  return rotary.theta * exact_pow(dynamic->factor * stretch - (dynamic->factor - 1), dims / (dims - 2));
}

}  // namespace

std::vector<float> rotary_frequencies(const Rotary& rotary, int64_t length) {
  const double base = base_of(rotary, length);
  std::vector<float> frequencies;
  for (int64_t pair = 0; pair < rotary.dims / 2; pair++) {
    const double exponent = -2 * static_cast<double>(pair) / frequency_dims(rotary);
    frequencies.push_back(static_cast<float>(scaled(rotary, pair, exact_pow(base, exponent), length)));
  }
  return frequencies;
}

int64_t rotary_regime(const Rotary& rotary, int64_t length) {
  if (const auto* dynamic = std::get_if<DynamicScaling>(&rotary.scaling))
    return length > dynamic->original_context ? length : 0;
  if (const auto* longer = std::get_if<LongScaling>(&rotary.scaling)) return length > longer->original_context ? 1 : 0;
  return 0;
}

float rotary_magnitude(const Rotary& rotary) {
  if (const auto* yarn = std::get_if<YarnScaling>(&rotary.scaling)) return static_cast<float>(yarn->attention_factor);
  if (const auto* longer = std::get_if<LongScaling>(&rotary.scaling))
    return static_cast<float>(longer->attention_factor);
  return 1.0f;
}

void rotary_angles(const std::vector<float>& frequencies, float magnitude, int64_t position, float* cosines,
                   float* sines) {
  for (size_t i = 0; i < frequencies.size(); i++) {
    const float angle = static_cast<float>(position) * frequencies[i];  // rounded to float32 as the reference does
    const SineCosine value = exact_sine_cosine(angle);
    cosines[i] = static_cast<float>(value.cosine) * magnitude;
    sines[i] = static_cast<float>(value.sine) * magnitude;
  }
}

void turn(float* head, Rotary::Pairing pairing, const float* cosines, const float* sines, int64_t pairs) {
  const bool half = pairing == Rotary::Pairing::Half;
  for (int64_t i = 0; i < pairs; i++) {
    float& a = head[half ? i : 2 * i];
    float& b = head[half ? i + pairs : 2 * i + 1];
    const float x = a, y = b;
    a = x * cosines[i] - y * sines[i];
    b = y * cosines[i] + x * sines[i];
  }
}

}  // namespace foretell
