// Forced tokens: one as the first of the text (transformers' ForcedBOSTokenLogitsProcessor does so after a prompt of
// one token alone), and one of some as the last that the limit allows (ForcedEOSTokenLogitsProcessor). Those forced are
// equally probable. Edge cases: where no limit is known nothing is last; where the logits of all forced tokens are
// -infinity the best candidates stay.
#include "sampling/samplers.h"
#include "sampling/token_list.h"

namespace foretell {
namespace {

// `ids` is sorted.
void keep_tokens(Candidates& candidates, const std::vector<TokenId>& ids) {
  bool any = false;
  candidates.keep_if([&](size_t i) {
    const bool forced = std::binary_search(ids.begin(), ids.end(), candidates.id(i));
    any |= forced;
    return forced;
  });
  if (any) std::fill(candidates.logits().begin(), candidates.logits().end(), 0.0F);
}

class ForcedFirst : public Sampler {
 public:
  explicit ForcedFirst(const ForcedToken& token) : token_(token), ids_{token.id} {}
  std::string_view name() const override { return "forced-first"; }
  void apply(Candidates& candidates, const SamplingState& state) override {
    if (state.generated() == 0 && token_.follows(state.prompt_length)) keep_tokens(candidates, ids_);
  }

 private:
  const ForcedToken token_;
  const std::vector<TokenId> ids_;
};

class ForcedLast : public Sampler {
 public:
  ForcedLast(const std::vector<TokenId>& ids, int64_t limit) : ids_(sorted(ids)), limit_(static_cast<size_t>(limit)) {}
  std::string_view name() const override { return "forced-last"; }
  void apply(Candidates& candidates, const SamplingState& state) override {
    if (state.generated() + 1 == limit_) keep_tokens(candidates, ids_);
  }

 private:
  const std::vector<TokenId> ids_;
  const size_t limit_;
};

}  // namespace

std::unique_ptr<Sampler> make_forced_first(const SamplingOptions& options) {
  return options.forced_first ? std::make_unique<ForcedFirst>(*options.forced_first) : nullptr;
}

std::unique_ptr<Sampler> make_forced_last(const SamplingOptions& options) {
  if (options.forced_last.empty() || options.max_tokens <= 0) return nullptr;
  return std::make_unique<ForcedLast>(options.forced_last, options.max_tokens);
}

}  // namespace foretell
