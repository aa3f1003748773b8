// XTC, exclude top choices: P. E. Weidmann, text-generation-webui pull request 6335 (2024). With a given probability,
// removes of the candidates that are at least as probable as the threshold all but the least probable one. Edge cases:
// where fewer than two reach the threshold nothing is removed, so above 0.5 it does nothing; of equals the one with the
// highest id stays.
#include "sampling/samplers.h"

namespace foretell {
namespace {

class Xtc : public Sampler {
 public:
  Xtc(double probability, double threshold) : probability_(probability), threshold_(threshold) {}
  std::string_view name() const override { return "xtc"; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    constexpr uint32_t number = 1;  // the draw itself takes number 0
    if (uniform_random(state.seed, state.history.size(), number) >= probability_) return;
    const Candidates::Weights weights = candidates.weights();
    const auto is_top = [&](size_t i) { return weights.probability(i) >= threshold_; };
    size_t least = candidates.size();
    for (size_t i = 0; i < candidates.size(); i++) {
      if (is_top(i) && (least == candidates.size() || weights.values[i] <= weights.values[least])) least = i;
    }
    candidates.keep_if([&](size_t i) { return i == least || !is_top(i); });
  }

 private:
  const double probability_, threshold_;
};

}  // namespace

std::unique_ptr<Sampler> make_xtc(const SamplingOptions& options) {
  return options.xtc_probability == 0 ? nullptr : std::make_unique<Xtc>(options.xtc_probability, options.xtc_threshold);
}

}  // namespace foretell
