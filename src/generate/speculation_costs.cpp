#include "generate/speculation_costs.h"

namespace foretell {

void StepCosts::add(size_t tokens, double seconds) {
  constexpr double share = 0.25;        // of a new measurement in the average
  constexpr double surprise = 2;        // one that is longer than expected by more counts for no more
  constexpr double forgetting = 0.998;  // sizes that are not used come to look cheaper, so that they are tried again
  const double expected = of(tokens);
  if (expected > 0) seconds = std::min(seconds, surprise * expected);
  double& known = seconds_[tokens];
  known = known > 0 ? known + share * (seconds - known) : seconds;
  for (size_t n = 2; n < std::size(seconds_); n++)
    if (n != tokens && seconds_[n] > seconds_[1]) seconds_[n] *= forgetting;
}

double StepCosts::of(size_t tokens) const {
  if (seconds_[tokens] > 0) return seconds_[tokens];
  size_t nearest = 0;
  for (size_t n = 1; n < std::size(seconds_); n++) {
    const auto distance = [tokens](size_t m) { return m < tokens ? tokens - m : m - tokens; };
    if (seconds_[n] > 0 && (nearest == 0 || distance(n) < distance(nearest))) nearest = n;
  }
  return nearest == 0 ? 0 : seconds_[nearest] * expected_ratio(tokens) / expected_ratio(nearest);
}

}  // namespace foretell
