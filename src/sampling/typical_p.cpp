// Locally typical sampling: Meister, Pimentel, Wiher, Cotterell, "Locally typical sampling" (2023). Keeps the
// candidates whose surprise -log(p) is nearest to the distribution's entropy until their probabilities add up to the
// mass. Edge cases: candidates as far from the entropy as the last one kept all stay, as in transformers; so the
// nearest one always does.
#include <cmath>

#include "base/exact_math.h"
#include "sampling/entropy.h"
#include "sampling/samplers.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

class TypicalP : public Sampler {
 public:
  explicit TypicalP(double mass) : mass_(mass) {}
  std::string_view name() const override { return "typical-p"; }

  void apply(Candidates& candidates, const SamplingState&) override {
    const std::span<const float> logits = candidates.logits();
    const Candidates::Weights weights = candidates.weights();
    const double best = candidates.best_logit();
    const double log_total = exact_log(weights.total);
    const double entropy = entropy_nats(candidates, weights);
    const auto distance = [&](size_t i) { return std::abs(log_total - (logits[i] - best) - entropy); };
    const double farthest = nucleus_.last_needed(weights.values, mass_ * weights.total, distance).key;
    candidates.keep_if([&](size_t i) { return distance(i) <= farthest; });
  }

 private:
  const double mass_;
  Nucleus nucleus_;
};

}  // namespace

std::unique_ptr<Sampler> make_typical_p(const SamplingOptions& options) {
  return options.typical_p == 1 ? nullptr : std::make_unique<TypicalP>(options.typical_p);
}

}  // namespace foretell
