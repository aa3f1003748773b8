// No repeated n-grams: Paulus, Xiong, Socher, "A deep reinforced model for abstractive summarization" (2018),
// section 2.5. Removes each token that would complete a run of n tokens that is in the text already. Edge cases: a text
// shorter than n forbids nothing; n = 1 forbids every token of the text.
#include <algorithm>

#include "sampling/samplers.h"
#include "sampling/token_list.h"

namespace foretell {
namespace {

class NoRepeatNgram : public Sampler {
 public:
  explicit NoRepeatNgram(int64_t n) : n_(static_cast<size_t>(n)) {}
  std::string_view name() const override { return "no-repeat-ngram"; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    if (state.history.size() < n_) return;
    const auto start = state.history.last(n_ - 1);  // of the n-gram that the next token completes
    forbidden_.clear();
    for (size_t i = 0; i + n_ <= state.history.size(); i++) {
      if (std::equal(start.begin(), start.end(), state.history.begin() + static_cast<std::ptrdiff_t>(i))) {
        forbidden_.push_back(state.history[i + n_ - 1]);
      }
    }
    std::sort(forbidden_.begin(), forbidden_.end());
    remove_tokens(candidates, forbidden_);
  }

 private:
  const size_t n_;
  std::vector<TokenId> forbidden_;
};

}  // namespace

std::unique_ptr<Sampler> make_no_repeat_ngram(const SamplingOptions& options) {
  return options.no_repeat_ngram == 0 ? nullptr : std::make_unique<NoRepeatNgram>(options.no_repeat_ngram);
}

}  // namespace foretell
