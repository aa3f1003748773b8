// Logit bias: a number added to a token's logit (OpenAI's logit_bias), for a sequence of tokens to the last one's where
// the text ends with the others (transformers' SequenceBiasLogitsProcessor). Edge cases: biases of one token add up;
// -infinity removes the token, unless no other candidate is left; a sequence longer than the text does nothing.
#include <algorithm>
#include <cmath>

#include "sampling/samplers.h"
#include "sampling/token_counts.h"
#include "sampling/token_list.h"

namespace foretell {
namespace {

class Bias : public Sampler {
 public:
  explicit Bias(const std::vector<LogitBias>& biases) : biases_(biases) {}
  std::string_view name() const override { return "logit-bias"; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    removed_.clear();
    for (const LogitBias& b : biases_) {
      const auto place = candidates.find(b.tokens.back());
      const size_t before = b.tokens.size() - 1;
      if (!place || before > state.history.size()) continue;
      const auto end = state.history.last(before);
      if (!std::equal(end.begin(), end.end(), b.tokens.begin())) continue;
      if (std::isinf(b.bias)) {
        removed_.push_back(b.tokens.back());
      } else {
        float& logit = candidates.logits()[*place];
        logit = limit_logit(logit + b.bias);
      }
    }
    std::sort(removed_.begin(), removed_.end());
    remove_tokens(candidates, removed_);
  }

 private:
  const std::vector<LogitBias> biases_;
  std::vector<TokenId> removed_;
};

}  // namespace

std::unique_ptr<Sampler> make_logit_bias(const SamplingOptions& options) {
  for (const LogitBias& b : options.logit_bias) {
    if (!b.tokens.empty() && (std::isfinite(b.bias) || b.bias < 0)) continue;
    throw Error({.what = "a sampling option is out of its range",
                 .where = "logit-bias",
                 .expected = "at least one token, and a number or -infinity",
                 .found = std::to_string(b.tokens.size()) + " tokens, " + std::to_string(b.bias)});
  }
  return options.logit_bias.empty() ? nullptr : std::make_unique<Bias>(options.logit_bias);
}

}  // namespace foretell
