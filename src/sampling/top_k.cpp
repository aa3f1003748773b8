// Top-k: Fan, Lewis, Dauphin, "Hierarchical neural story generation" (2018). Keeps the k candidates with the best
// logits. Edge cases: candidates that tie with the k-th all stay, as in transformers; a k of at least their number
// keeps all.
#include "sampling/samplers.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

class TopK : public Sampler {
 public:
  explicit TopK(int64_t k) : k_(static_cast<size_t>(k)) {}
  std::string_view name() const override { return "top-k"; }

  void apply(Candidates& candidates, const SamplingState&) override {
    if (k_ >= candidates.size()) return;
    const float least = kth_largest_logit(candidates.logits(), k_, scratch_);
    candidates.keep_if_at_least(least, [](size_t) { return true; });
  }

 private:
  const size_t k_;
  std::vector<float> scratch_;
};

}  // namespace

std::unique_ptr<Sampler> make_top_k(const SamplingOptions& options) {
  return options.top_k == 0 ? nullptr : std::make_unique<TopK>(options.top_k);
}

}  // namespace foretell
