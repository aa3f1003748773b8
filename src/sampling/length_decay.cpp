// Exponential length penalty: transformers' ExponentialDecayLengthPenalty. Beyond a length, end tokens gain
// |logit| (factor^n - 1) where n counts the tokens beyond it. Edge cases: a logit of 0 gains nothing, one of -infinity
// is no candidate; a factor below 1 makes the text longer; without end tokens it does nothing.
#include <cmath>

#include "base/exact_math.h"
#include "sampling/samplers.h"
#include "sampling/token_counts.h"

namespace foretell {
namespace {

class LengthDecay : public Sampler {
 public:
  LengthDecay(double factor, int64_t start, const std::vector<TokenId>& ids)
      : factor_(factor), start_(static_cast<size_t>(start)), ids_(ids) {}
  std::string_view name() const override { return "length-decay"; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    if (state.generated() <= start_) return;
    const double power = std::min(1e300, exact_pow(factor_, static_cast<double>(state.generated() - start_)));
    for (const TokenId id : ids_) {
      const auto place = candidates.find(id);
      if (!place) continue;
      float& logit = candidates.logits()[*place];
      logit = limit_logit(logit + std::abs(static_cast<double>(logit)) * (power - 1));
    }
  }

 private:
  const double factor_;
  const size_t start_;
  const std::vector<TokenId> ids_;
};

}  // namespace

std::unique_ptr<Sampler> make_length_decay(const SamplingOptions& options) {
  if (options.length_decay_factor == 1 || options.end_ids.empty()) return nullptr;
  return std::make_unique<LengthDecay>(options.length_decay_factor, options.length_decay_start, options.end_ids);
}

}  // namespace foretell
