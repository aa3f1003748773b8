// The exponentials of a softmax and their sum, in double and in a fixed order: the same bits on every machine.
#pragma once

#include <cstddef>
#include <limits>

namespace foretell {

// values[i] = exp(values[i]), all <= 0, in place; 0 below -708, where the result would no longer be a normal number.
// Relative error below 4e-16.
void exponentiate(double* values, size_t count);

// The sum of count doubles, in four interleaved lanes.
inline double sum_in_lanes(const double* values, size_t count) {
  double lanes[4] = {};
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (size_t lane = 0; lane < 4; lane++) lanes[lane] += values[i + lane];
  }
  for (; i < count; i++) lanes[i % 4] += values[i];
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

// The largest of `value(i)` for i in [0, count); -infinity for none.
template <class Value>
float largest(size_t count, Value&& value) {
  float lanes[8];
  for (float& lane : lanes) lane = -std::numeric_limits<float>::infinity();
  const auto raise = [](float& lane, float v) { lane = lane < v ? v : lane; };
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (size_t lane = 0; lane < 8; lane++) raise(lanes[lane], value(i + lane));
  }
  for (; i < count; i++) raise(lanes[0], value(i));
  for (size_t lane = 1; lane < 8; lane++) raise(lanes[0], lanes[lane]);
  return lanes[0];
}

}  // namespace foretell
