// Suppressed tokens never come next, others not first (or, where the first is forced, not second); end tokens do not
// before the least number of tokens is there, generated or with the prompt's (transformers'
// SuppressTokensLogitsProcessor, SuppressTokensAtBeginLogitsProcessor, MinNewTokensLengthLogitsProcessor and
// MinLengthLogitsProcessor). Edge case: where no other candidate is left, the best ones stay.
#include "sampling/samplers.h"
#include "sampling/token_list.h"

namespace foretell {
namespace {

class Suppress : public Sampler {
 public:
  explicit Suppress(const std::vector<TokenId>& ids) : ids_(sorted(ids)) {}
  std::string_view name() const override { return "suppress"; }
  void apply(Candidates& candidates, const SamplingState&) override { remove_tokens(candidates, ids_); }

 private:
  const std::vector<TokenId> ids_;
};

class BeginSuppress : public Sampler {
 public:
  BeginSuppress(const std::vector<TokenId>& ids, const std::optional<ForcedToken>& forced)
      : ids_(sorted(ids)), forced_(forced) {}
  std::string_view name() const override { return "begin-suppress"; }
  void apply(Candidates& candidates, const SamplingState& state) override {
    const bool second = forced_ && forced_->follows(state.prompt_length);
    if (state.generated() == (second ? 1U : 0U)) remove_tokens(candidates, ids_);
  }

 private:
  const std::vector<TokenId> ids_;
  const std::optional<ForcedToken> forced_;
};

class MinTokens : public Sampler {
 public:
  MinTokens(int64_t least, int64_t least_length, const std::vector<TokenId>& ids)
      : least_(static_cast<size_t>(least)), least_length_(static_cast<size_t>(least_length)), ids_(sorted(ids)) {}
  std::string_view name() const override { return "min-tokens"; }
  void apply(Candidates& candidates, const SamplingState& state) override {
    if (state.generated() < least_ || state.history.size() < least_length_) remove_tokens(candidates, ids_);
  }

 private:
  const size_t least_, least_length_;
  const std::vector<TokenId> ids_;
};

}  // namespace

std::unique_ptr<Sampler> make_suppress(const SamplingOptions& options) {
  return options.suppress.empty() ? nullptr : std::make_unique<Suppress>(options.suppress);
}

std::unique_ptr<Sampler> make_begin_suppress(const SamplingOptions& options) {
  if (options.begin_suppress.empty()) return nullptr;
  return std::make_unique<BeginSuppress>(options.begin_suppress, options.forced_first);
}

std::unique_ptr<Sampler> make_min_tokens(const SamplingOptions& options) {
  if ((options.min_tokens == 0 && options.min_length == 0) || options.end_ids.empty()) return nullptr;
  return std::make_unique<MinTokens>(options.min_tokens, options.min_length, options.end_ids);
}

}  // namespace foretell
