// Top-p, the nucleus: Holtzman, Buys, Du, Forbes, Choi, "The curious case of neural text degeneration" (2020). Keeps
// the fewest candidates, best first, whose probabilities add up to at least p. Edge cases: of equal logits at the
// border those with lower ids stay; p = 0 keeps the best one.
#include "sampling/samplers.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

class TopP : public Sampler {
 public:
  explicit TopP(double p) : p_(p) {}
  std::string_view name() const override { return "top-p"; }

  void apply(Candidates& candidates, const SamplingState&) override {
    const std::span<const float> logits = candidates.logits();
    const Candidates::Weights weights = candidates.weights();
    const double best = candidates.best_logit();
    const Ranking::Entry last = nucleus_.last_needed_below(best, logits, weights.values, p_ * weights.total);
    candidates.keep_if_at_least(float_below(best - last.key), [&](size_t i) {
      const double key = best - logits[i];
      return key < last.key || (key == last.key && i <= last.index);
    });
  }

 private:
  const double p_;
  Nucleus nucleus_;
};

}  // namespace

std::unique_ptr<Sampler> make_top_p(const SamplingOptions& options) {
  return options.top_p == 1 ? nullptr : std::make_unique<TopP>(options.top_p);
}

}  // namespace foretell
