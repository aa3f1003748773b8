// Encoder repetition penalty: transformers' EncoderRepetitionPenaltyLogitsProcessor. The reverse of the repetition
// penalty for the tokens of the prompt: a positive logit is multiplied, a negative one divided, so that above 1 the
// text keeps to the prompt's words. A token counts once. Edge cases: below 1 it keeps away from them; a logit of 0
// stays.
#include "sampling/samplers.h"
#include "sampling/token_counts.h"

namespace foretell {
namespace {

class EncoderRepetitionPenalty : public Sampler {
 public:
  explicit EncoderRepetitionPenalty(double penalty) : penalty_(penalty) {}
  std::string_view name() const override { return "encoder-repetition-penalty"; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    const auto prompt = state.history.first(state.prompt_length);
    for (const TokenCounts::Entry& entry : counts_.count(prompt, candidates.vocabulary_size())) {
      const auto place = candidates.find(entry.id);
      if (!place) continue;
      float& logit = candidates.logits()[*place];
      logit = limit_logit(logit < 0 ? logit / penalty_ : logit * penalty_);
    }
  }

 private:
  const double penalty_;
  TokenCounts counts_{-1};
};

}  // namespace

std::unique_ptr<Sampler> make_encoder_repetition_penalty(const SamplingOptions& options) {
  if (options.encoder_repetition_penalty == 1) return nullptr;
  return std::make_unique<EncoderRepetitionPenalty>(options.encoder_repetition_penalty);
}

}  // namespace foretell
