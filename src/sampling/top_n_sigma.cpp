// Top-n-sigma: Tang, Liu, Hao, Li, Chen, Wang, Li, Li, "Top-n-sigma: not all logits are you need" (2024). Keeps the
// candidates whose logit is at most n standard deviations (of all candidates' logits) below the best. The outcome does
// not depend on the temperature. Edge case: where all logits are equal all stay.
#include <cmath>

#include "sampling/samplers.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

class TopNSigma : public Sampler {
 public:
  explicit TopNSigma(double n) : n_(n) {}
  std::string_view name() const override { return "top-n-sigma"; }

  void apply(Candidates& candidates, const SamplingState&) override {
    const std::span<const float> logits = candidates.logits();
    const auto count = static_cast<double>(logits.size());
    double sum = 0, squares = 0;
    for (const float logit : logits) sum += logit;
    const double mean = sum / count;
    for (const float logit : logits) squares += (logit - mean) * (logit - mean);
    const double least = candidates.best_logit() - n_ * std::sqrt(squares / count);
    candidates.keep_if_at_least(float_below(least), [&](size_t i) { return logits[i] >= least; });
  }

 private:
  const double n_;
};

}  // namespace

std::unique_ptr<Sampler> make_top_n_sigma(const SamplingOptions& options) {
  return options.top_n_sigma == 0 ? nullptr : std::make_unique<TopNSigma>(options.top_n_sigma);
}

}  // namespace foretell
