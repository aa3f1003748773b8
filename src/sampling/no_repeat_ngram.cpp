// No repeated n-grams: Paulus, Xiong, Socher, "A deep reinforced model for abstractive summarization" (2018),
// section 2.5. Removes each token that would complete a run of n tokens that is in the text already. Edge cases: a text
// shorter than n forbids nothing; n = 1 forbids every token of the text. A second one looks for
// the runs in the prompt alone (transformers' EncoderNoRepeatNGramLogitsProcessor).
#include <algorithm>

#include "sampling/samplers.h"
#include "sampling/token_list.h"

namespace foretell {
namespace {

class NoRepeatNgram : public Sampler {
 public:
  NoRepeatNgram(int64_t n, bool prompt_only) : n_(static_cast<size_t>(n)), prompt_only_(prompt_only) {}
  std::string_view name() const override { return prompt_only_ ? "encoder-no-repeat-ngram" : "no-repeat-ngram"; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    if (state.history.size() < n_) return;
    const auto start = state.history.last(n_ - 1);  // of the n-gram that the next token completes
    const auto runs = prompt_only_ ? state.history.first(state.prompt_length) : state.history;
    forbidden_.clear();
    for (size_t i = 0; i + n_ <= runs.size(); i++) {
      if (std::equal(start.begin(), start.end(), runs.begin() + static_cast<std::ptrdiff_t>(i))) {
        forbidden_.push_back(runs[i + n_ - 1]);
      }
    }
    std::sort(forbidden_.begin(), forbidden_.end());
    remove_tokens(candidates, forbidden_);
  }

 private:
  const size_t n_;
  const bool prompt_only_;
  std::vector<TokenId> forbidden_;
};

}  // namespace

std::unique_ptr<Sampler> make_no_repeat_ngram(const SamplingOptions& options) {
  return options.no_repeat_ngram == 0 ? nullptr : std::make_unique<NoRepeatNgram>(options.no_repeat_ngram, false);
}

std::unique_ptr<Sampler> make_encoder_no_repeat_ngram(const SamplingOptions& options) {
  if (options.encoder_no_repeat_ngram == 0) return nullptr;
  return std::make_unique<NoRepeatNgram>(options.encoder_no_repeat_ngram, true);
}

}  // namespace foretell
