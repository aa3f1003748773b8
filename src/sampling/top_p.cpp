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
    const auto items = std::as_const(candidates).items();
    const Candidates::Weights weights = candidates.weights();
    const double best = candidates.best_logit();
    const auto below_best = [&](size_t i) { return best - items[i].logit; };
    const Ranking::Entry last = nucleus_.last_needed(weights.values, p_ * weights.total, below_best);
    candidates.keep_if([&](size_t i) {
      const double key = below_best(i);
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
