// DRY, don't repeat yourself: P. E. Weidmann, text-generation-webui pull request 5677 (2024). A token that would
// continue a run of tokens that is in the text already, and that the text ends with, loses multiplier * base ^ (length
// - allowed length) of its logit, where the run is at least as long as allowed. Runs do not reach across sequence
// breakers. Edge cases: a text that ends with a breaker is left alone; breakers themselves are never penalized.
#include <algorithm>

#include "base/exact_math.h"
#include "sampling/samplers.h"
#include "sampling/token_counts.h"

namespace foretell {
namespace {

class Dry : public Sampler {
 public:
  explicit Dry(const SamplingOptions& options)
      : multiplier_(options.dry_multiplier),
        base_(options.dry_base),
        allowed_(static_cast<size_t>(options.dry_allowed_length)),
        last_n_(options.dry_penalty_last_n),
        breakers_(options.dry_breakers) {
    std::sort(breakers_.begin(), breakers_.end());
  }
  std::string_view name() const override { return "dry"; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    auto history = state.history;
    if (last_n_ >= 0 && static_cast<size_t>(last_n_) < history.size())
      history = history.last(static_cast<size_t>(last_n_));
    if (history.size() > reversed_.capacity()) {  // assign() would grow them for each token
      reversed_.reserve(2 * history.size());
      run_.reserve(2 * history.size());
    }
    reversed_.assign(history.rbegin(), history.rend());
    const auto first_breaker =
        std::find_if(reversed_.begin(), reversed_.end(), [this](TokenId id) { return is_breaker(id); });
    const auto limit = static_cast<size_t>(first_breaker - reversed_.begin());
    if (limit < std::max<size_t>(allowed_, 1)) return;
    find_runs();
    longest_.clear();
    for (size_t i = 1; i < reversed_.size(); i++) {
      const size_t length = std::min(run_[i], limit);
      if (length >= std::max<size_t>(allowed_, 1) && !is_breaker(reversed_[i - 1]))
        longest_.emplace_back(reversed_[i - 1], length);
    }
    // Of each token its longest run.
    std::sort(longest_.begin(), longest_.end());
    for (size_t i = 0; i < longest_.size(); i++) {
      if (i + 1 < longest_.size() && longest_[i + 1].first == longest_[i].first) continue;
      const auto place = candidates.find(longest_[i].first);
      if (!place) continue;
      const double exponent = static_cast<double>(longest_[i].second) - static_cast<double>(allowed_);
      float& logit = candidates.logits()[*place];
      logit = limit_logit(logit - multiplier_ * exact_pow(base_, exponent));
    }
  }

 private:
  bool is_breaker(TokenId id) const { return std::binary_search(breakers_.begin(), breakers_.end(), id); }

  // run_[i]: how many tokens from i on are the same as from 0 on, in the reversed text (Gusfield's Z algorithm:
  // linear).
  void find_runs() {
    const size_t size = reversed_.size();
    run_.assign(size, 0);
    for (size_t i = 1, left = 0, right = 0; i < size; i++) {
      if (i < right) run_[i] = std::min(right - i, run_[i - left]);
      while (i + run_[i] < size && reversed_[run_[i]] == reversed_[i + run_[i]]) run_[i]++;
      if (i + run_[i] > right) left = i, right = i + run_[i];
    }
  }

  const double multiplier_, base_;
  const size_t allowed_;
  const int64_t last_n_;
  std::vector<TokenId> breakers_;  // sorted
  std::vector<TokenId> reversed_;
  std::vector<size_t> run_;
  std::vector<std::pair<TokenId, size_t>> longest_;
};

}  // namespace

std::unique_ptr<Sampler> make_dry(const SamplingOptions& options) {
  return options.dry_multiplier == 0 ? nullptr : std::make_unique<Dry>(options);
}

}  // namespace foretell
