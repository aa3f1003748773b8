// Adaptive-p: MrJackSpade and ddh0, llama.cpp pull request 17927 (2025). Prefers tokens whose probability is near a
// target that moves so that what is drawn has the target's probability on average: with d the distance from
// 2 target - average in units of 0.3, a logit becomes 5 - 10 d^2 / (1 + d). The average of the drawn tokens'
// probabilities before this step forgets with a decay, and starts as if it were the target. It belongs at the chain's
// end. Edge cases: one candidate stays as it is; a negative target turns it off.
#include <algorithm>
#include <cmath>

#include "sampling/samplers.h"

namespace foretell {
namespace {

class AdaptiveP : public Sampler {
 public:
  AdaptiveP(double target, double decay)
      : target_(target), decay_(decay), sum_(target / (1 - decay)), total_(1 / (1 - decay)) {}
  std::string_view name() const override { return "adaptive-p"; }

  void apply(Candidates& candidates, const SamplingState&) override {
    const Candidates::Weights weights = candidates.weights();
    const double aim = std::clamp(2 * target_ - sum_ / total_, 0.0, 1.0);
    const size_t count = candidates.size();
    ids_.resize(count);
    before_.resize(count);
    for (size_t i = 0; i < count; i++) {
      ids_[i] = candidates.id(i);
      before_[i] = weights.probability(i);
      const double distance = std::abs(before_[i] - aim) / width;
      candidates.logits()[i] = static_cast<float>(peak - sharpness * distance * distance / (1 + distance));
    }
  }

  void accept(const Draw& draw) override {
    const auto place = std::lower_bound(ids_.begin(), ids_.end(), draw.id);
    if (place == ids_.end() || *place != draw.id) return;
    sum_ = before_[static_cast<size_t>(place - ids_.begin())] + decay_ * sum_;
    total_ = 1 + decay_ * total_;
  }

 private:
  static constexpr double width = 0.3, peak = 5, sharpness = 10;
  const double target_, decay_;
  double sum_, total_;  // of probabilities and of their weights
  std::vector<TokenId> ids_;
  std::vector<double> before_;  // [ids_] probabilities before this step
};

}  // namespace

std::unique_ptr<Sampler> make_adaptive_p(const SamplingOptions& options) {
  if (options.adaptive_target < 0) return nullptr;
  return std::make_unique<AdaptiveP>(options.adaptive_target, options.adaptive_decay);
}

}  // namespace foretell
