// Repetition penalty: Keskar, McCann, Varshney, Xiong, Socher, "CTRL: a conditional Transformer language model for
// controllable generation" (2019), section 4.1, with the sign handled as transformers does: the logit of each token of
// the window is divided by the penalty where it is positive and multiplied where it is negative. A token counts once
// however often it is there. Edge cases: a penalty below 1 favours repetition; a logit of 0 stays.
#include "sampling/samplers.h"
#include "sampling/token_counts.h"

namespace foretell {
namespace {

class RepetitionPenalty : public Sampler {
 public:
  RepetitionPenalty(double penalty, int64_t last_n) : penalty_(penalty), counts_(last_n) {}
  std::string_view name() const override { return "repetition-penalty"; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    for (const TokenCounts::Entry& entry : counts_.count(state.history, candidates.vocabulary_size())) {
      const auto place = candidates.find(entry.id);
      if (!place) continue;
      float& logit = candidates.logits()[*place];
      logit = limit_logit(logit < 0 ? logit * penalty_ : logit / penalty_);
    }
  }

 private:
  const double penalty_;
  TokenCounts counts_;
};

}  // namespace

std::unique_ptr<Sampler> make_repetition_penalty(const SamplingOptions& options) {
  if (options.repetition_penalty == 1 || options.penalty_last_n == 0) return nullptr;
  return std::make_unique<RepetitionPenalty>(options.repetition_penalty, options.penalty_last_n);
}

}  // namespace foretell
