// Suppressed tokens never come next; end tokens do not before the least number of tokens is there (transformers'
// SuppressTokensLogitsProcessor and MinNewTokensLengthLogitsProcessor). Edge case: where no other candidate is left,
// the best ones stay.
#include "sampling/samplers.h"
#include "sampling/token_list.h"

namespace foretell {
namespace {

std::vector<TokenId> sorted(std::vector<TokenId> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

class Suppress : public Sampler {
 public:
  explicit Suppress(const std::vector<TokenId>& ids) : ids_(sorted(ids)) {}
  std::string_view name() const override { return "suppress"; }
  void apply(Candidates& candidates, const SamplingState&) override { remove_tokens(candidates, ids_); }

 private:
  const std::vector<TokenId> ids_;
};

class MinTokens : public Sampler {
 public:
  MinTokens(int64_t least, const std::vector<TokenId>& ids) : least_(static_cast<size_t>(least)), ids_(sorted(ids)) {}
  std::string_view name() const override { return "min-tokens"; }
  void apply(Candidates& candidates, const SamplingState& state) override {
    if (state.generated() < least_) remove_tokens(candidates, ids_);
  }

 private:
  const size_t least_;
  const std::vector<TokenId> ids_;
};

}  // namespace

std::unique_ptr<Sampler> make_suppress(const SamplingOptions& options) {
  return options.suppress.empty() ? nullptr : std::make_unique<Suppress>(options.suppress);
}

std::unique_ptr<Sampler> make_min_tokens(const SamplingOptions& options) {
  if (options.min_tokens == 0 || options.end_ids.empty()) return nullptr;
  return std::make_unique<MinTokens>(options.min_tokens, options.end_ids);
}

}  // namespace foretell
