// Temperature: softmax(logits / T). Ackley, Hinton, Sejnowski, "A learning algorithm for Boltzmann machines" (1985).
// T < 1 sharpens the distribution, T > 1 flattens it. Edge cases: 0 keeps the token with the best logit alone, the
// lowest id where several have it; so does a T so small that the quotients overflow.
#include "sampling/temperature.h"

#include <cmath>
#include <utility>

#include "sampling/samplers.h"
#include "sampling/softmax.h"

namespace foretell {
namespace {

void keep_best(Candidates& candidates) {
  const float best = candidates.best_logit();
  bool found = false;
  candidates.keep_if_at_least(best, [&](size_t) { return !std::exchange(found, true); });
}

class Temperature : public Sampler {
 public:
  explicit Temperature(double temperature) : temperature_(temperature) {}
  std::string_view name() const override { return "temp"; }
  void apply(Candidates& candidates, const SamplingState&) override { apply_temperature(candidates, temperature_); }

 private:
  const double temperature_;
};

}  // namespace

void apply_temperature(Candidates& candidates, double temperature) {
  const auto divisor = static_cast<float>(temperature);  // the reference divides in float32
  if (divisor == 0) return keep_best(candidates);
  if (!std::isfinite(largest_magnitude(candidates.logits()) / divisor)) return keep_best(candidates);
  divide(candidates.logits(), divisor);
}

std::unique_ptr<Sampler> make_temperature(const SamplingOptions& options) {
  if (options.dynatemp_range > 0 && options.temperature > 0) return make_dynamic_temperature(options);
  return options.temperature == 1 ? nullptr : std::make_unique<Temperature>(options.temperature);
}

}  // namespace foretell
