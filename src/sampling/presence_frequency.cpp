// Presence and frequency penalties (OpenAI's API reference, "presence_penalty" and "frequency_penalty"): from the logit
// of each token of the window one number is taken off, and another one for each time that it is there. Edge case:
// negative penalties favour repetition.
#include "sampling/samplers.h"
#include "sampling/token_counts.h"

namespace foretell {
namespace {

class CountPenalty : public Sampler {
 public:
  CountPenalty(std::string_view name, double once, double each, int64_t last_n)
      : name_(name), once_(once), each_(each), counts_(last_n) {}
  std::string_view name() const override { return name_; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    for (const TokenCounts::Entry& entry : counts_.count(state.history, candidates.vocabulary_size())) {
      const auto place = candidates.find(entry.id);
      if (!place) continue;
      float& logit = candidates.logits()[*place];
      logit = limit_logit(logit - once_ - each_ * static_cast<double>(entry.count));
    }
  }

 private:
  const std::string_view name_;
  const double once_, each_;
  TokenCounts counts_;
};

}  // namespace

std::unique_ptr<Sampler> make_presence_penalty(const SamplingOptions& options) {
  if (options.presence_penalty == 0 || options.penalty_last_n == 0) return nullptr;
  return std::make_unique<CountPenalty>("presence-penalty", options.presence_penalty, 0, options.penalty_last_n);
}

std::unique_ptr<Sampler> make_frequency_penalty(const SamplingOptions& options) {
  if (options.frequency_penalty == 0 || options.penalty_last_n == 0) return nullptr;
  return std::make_unique<CountPenalty>("frequency-penalty", 0, options.frequency_penalty, options.penalty_last_n);
}

}  // namespace foretell
