// Epsilon and eta sampling: Hewitt, Manning, Liang, "Truncation sampling as language model desmoothing" (2022). Epsilon
// removes candidates with a probability below epsilon; eta below min(epsilon, sqrt(epsilon) exp(-entropy)), which falls
// where the distribution is flat. Edge case: the best candidate stays, and those that tie with it.
#include <algorithm>
#include <cmath>

#include "base/exact_math.h"
#include "sampling/entropy.h"
#include "sampling/samplers.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

void remove_below(Candidates& candidates, const Candidates::Weights& weights, double probability) {
  const float best = candidates.best_logit();
  const float bound = std::min(best, least_logit(probability, best, weights.total));
  candidates.keep_if_at_least(
      bound, [&](size_t i) { return weights.probability(i) >= probability || candidates.logits()[i] == best; });
}

class EpsilonCutoff : public Sampler {
 public:
  explicit EpsilonCutoff(double epsilon) : epsilon_(epsilon) {}
  std::string_view name() const override { return "epsilon-cutoff"; }
  void apply(Candidates& candidates, const SamplingState&) override {
    remove_below(candidates, candidates.weights(), epsilon_);
  }

 private:
  const double epsilon_;
};

class EtaCutoff : public Sampler {
 public:
  explicit EtaCutoff(double epsilon) : epsilon_(epsilon) {}
  std::string_view name() const override { return "eta-cutoff"; }
  void apply(Candidates& candidates, const SamplingState&) override {
    const Candidates::Weights weights = candidates.weights();
    const double entropy = entropy_nats(candidates, weights);
    remove_below(candidates, weights, std::min(epsilon_, std::sqrt(epsilon_) * exact_exp(-entropy)));
  }

 private:
  const double epsilon_;
};

}  // namespace

std::unique_ptr<Sampler> make_epsilon_cutoff(const SamplingOptions& options) {
  return options.epsilon_cutoff == 0 ? nullptr : std::make_unique<EpsilonCutoff>(options.epsilon_cutoff);
}

std::unique_ptr<Sampler> make_eta_cutoff(const SamplingOptions& options) {
  return options.eta_cutoff == 0 ? nullptr : std::make_unique<EtaCutoff>(options.eta_cutoff);
}

}  // namespace foretell
