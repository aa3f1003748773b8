// Mirostat: Basu, Ramachandran, Keskar, Varshney, "Mirostat: a neural text decoding algorithm that directly controls
// perplexity" (2021). Cuts the candidates so that the surprise of what is drawn stays near a target: a limit mu, 2 tau
// at first, falls by the learning rate times the error after each token. Version 1 estimates Zipf's exponent from the
// 100 best candidates and keeps the k best that follow from it; version 2 keeps those whose surprise is below mu. Edge
// case: where mu is below every surprise the best candidate stays.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/exact_math.h"
#include "sampling/samplers.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

double log2_of(double x) { return exact_log(x) / std::numbers::ln2; }

class Mirostat : public Sampler {
 public:
  Mirostat(double tau, double eta) : tau_(tau), eta_(eta), mu_(2 * tau) {}
  std::string_view name() const override { return "mirostat"; }
  void accept(const Draw& draw) override { mu_ -= eta_ * (-log2_of(draw.probability) - tau_); }

 protected:
  double mu() const { return mu_; }

 private:
  const double tau_, eta_;
  double mu_;
};

class MirostatV1 : public Mirostat {
 public:
  using Mirostat::Mirostat;

  void apply(Candidates& candidates, const SamplingState&) override {
    const size_t count = std::min<size_t>(100, candidates.size());
    if (count < 2) return;
    const double k = cut(zipf_exponent(candidates, count), static_cast<double>(candidates.vocabulary_size()));
    const size_t kept = k < 1                                         ? 1
                        : k >= static_cast<double>(candidates.size()) ? candidates.size()
                                                                      : static_cast<size_t>(k);
    if (kept == candidates.size()) return;
    const float least = kth_largest_logit(candidates.logits(), kept, logits_);
    candidates.keep_if_at_least(least, [](size_t) { return true; });
  }

 private:
  // Equation 28: the least squares fit of log(p_i / p_i+1) = s log((i + 1) / i).
  double zipf_exponent(const Candidates& candidates, size_t count) {
    ranking_.clear();
    const std::span<const float> logits = candidates.logits();
    Candidates::visit_at_least(logits, kth_largest_logit(logits, count, logits_),
                               [&](size_t i) { ranking_.add(-static_cast<double>(logits[i]), i); });
    double products = 0, squares = 0;
    for (size_t i = 0; i + 1 < count; i++) {
      const double t = exact_log(static_cast<double>(i + 2) / static_cast<double>(i + 1));
      const double b =
          ranking_.at(i + 1).key - ranking_.at(i).key;  // the difference of the logits is that of the logarithms
      products += t * b;
      squares += t * t;
    }
    return products / squares;
  }

  // Equation 30, with epsilon = s - 1.
  double cut(double s, double vocabulary) const {
    if (s <= 0) return vocabulary;
    const double epsilon = s - 1;
    const double top = exact_exp(mu() * std::numbers::ln2);
    // At s = 1 the quotient tends to 1 / log(N).
    const double ratio =
        std::abs(epsilon) < 1e-9 ? 1 / exact_log(vocabulary) : epsilon / (1 - exact_pow(vocabulary, -epsilon));
    return exact_pow(ratio * top, 1 / s);
  }

  Ranking ranking_;
  std::vector<float> logits_;
};

class MirostatV2 : public Mirostat {
 public:
  using Mirostat::Mirostat;

  void apply(Candidates& candidates, const SamplingState&) override {
    const Candidates::Weights weights = candidates.weights();
    const double least = exact_exp(-mu() * std::numbers::ln2);
    candidates.keep_if_at_least(least_logit(least, candidates.best_logit(), weights.total),
                                [&](size_t i) { return weights.probability(i) >= least; });
  }
};

}  // namespace

std::unique_ptr<Sampler> make_mirostat(const SamplingOptions& options) {
  if (options.mirostat == 1) return std::make_unique<MirostatV1>(options.mirostat_tau, options.mirostat_eta);
  if (options.mirostat == 2) return std::make_unique<MirostatV2>(options.mirostat_tau, options.mirostat_eta);
  return nullptr;
}

}  // namespace foretell
