// Min-p: Nguyen, Baker, Neo, Roush, Kirsch, Shwartz-Ziv, "Turning up the heat: min-p sampling for creative and coherent
// LLM outputs" (2024). Keeps the candidates that are at least p times as probable as the best one. Edge case: p = 1
// keeps the best one and those that tie with it.
#include "base/exact_math.h"
#include "sampling/samplers.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

class MinP : public Sampler {
 public:
  explicit MinP(double p) : log_p_(exact_log(p)) {}
  std::string_view name() const override { return "min-p"; }

  void apply(Candidates& candidates, const SamplingState&) override {
    // exp(logit - best) >= p, without the exponentials.
    const double best = candidates.best_logit();
    candidates.keep_if_at_least(float_below(best + log_p_),
                                [&](size_t i) { return candidates.logits()[i] - best >= log_p_; });
  }

 private:
  const double log_p_;
};

}  // namespace

std::unique_ptr<Sampler> make_min_p(const SamplingOptions& options) {
  return options.min_p == 0 ? nullptr : std::make_unique<MinP>(options.min_p);
}

}  // namespace foretell
