// Dynamic temperature: kalomaze, llama.cpp pull request 4972 (2024). The temperature lies between T - range and T +
// range (not below 0): at the lower end where one candidate is certain, at the upper where all are equally probable,
// between them by (entropy / greatest entropy) ^ exponent. Edge case: one candidate alone is left as it is.
#include <algorithm>

#include "base/exact_math.h"
#include "sampling/entropy.h"
#include "sampling/samplers.h"
#include "sampling/temperature.h"

namespace foretell {
namespace {

class DynamicTemperature : public Sampler {
 public:
  DynamicTemperature(double temperature, double range, double exponent)
      : least_(std::max(0.0, temperature - range)), most_(temperature + range), exponent_(exponent) {}
  std::string_view name() const override { return "temp"; }

  void apply(Candidates& candidates, const SamplingState&) override {
    if (candidates.size() < 2) return;
    const double greatest = exact_log(static_cast<double>(candidates.size()));
    const double part = std::clamp(entropy_nats(candidates, candidates.weights()) / greatest, 0.0, 1.0);
    const double power = exponent_ == 0 ? 1 : part == 0 ? 0 : exact_pow(part, exponent_);
    apply_temperature(candidates, least_ + (most_ - least_) * power);
  }

 private:
  const double least_, most_, exponent_;
};

}  // namespace

std::unique_ptr<Sampler> make_dynamic_temperature(const SamplingOptions& options) {
  return std::make_unique<DynamicTemperature>(options.temperature, options.dynatemp_range, options.dynatemp_exponent);
}

}  // namespace foretell
