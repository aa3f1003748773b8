// Top-H: Baghaei Potraghloo et al., "Top-H decoding: adapting the creativity and coherence with bounded entropy in text
// generation" (2025), as transformers' TopHLogitsWarper. Of the 100 best candidates keeps, from the best on, those
// whose terms -p log p add up to at most a part of these 100's entropy. Edge cases: the best one always stays; at 1 all
// 100.
#include <algorithm>

#include "base/exact_math.h"
#include "sampling/samplers.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

class TopH : public Sampler {
 public:
  explicit TopH(double part) : part_(part) {}
  std::string_view name() const override { return "top-h"; }

  void apply(Candidates& candidates, const SamplingState&) override {
    const size_t count = std::min<size_t>(100, candidates.size());
    const auto logits = candidates.logits();
    ranking_.clear();
    Candidates::visit_at_least(logits, kth_largest_logit(logits, count, scratch_),
                               [&](size_t i) { ranking_.add(-static_cast<double>(logits[i]), i); });
    const size_t kept = part_ == 1 ? count : keep(count);
    const Ranking::Entry last = ranking_.at(kept - 1);
    const auto least = static_cast<float>(-last.key);
    candidates.keep_if_at_least(least, [&](size_t i) { return logits[i] > least || i <= last.index; });
  }

 private:
  // How many of the best `count` reach their part of the entropy.
  size_t keep(size_t count) {
    const double best = ranking_.at(0).key;
    double total = 0, moment = 0;
    for (size_t i = 0; i < count; i++) {
      const double below = ranking_.at(i).key - best, weight = exact_exp(-below);
      total += weight;
      moment += weight * below;
    }
    const double log_total = exact_log(total);
    const double limit = part_ * (log_total + moment / total);
    double reached = 0;
    size_t kept = 0;
    while (kept < count) {
      const double below = ranking_.at(kept).key - best;
      reached += exact_exp(-below) / total * (below + log_total);
      if (reached > limit) break;
      kept++;
    }
    return std::max<size_t>(1, kept);
  }

  const double part_;
  Ranking ranking_;
  std::vector<float> scratch_;
};

}  // namespace

std::unique_ptr<Sampler> make_top_h(const SamplingOptions& options) {
  return options.top_h == 0 ? nullptr : std::make_unique<TopH>(options.top_h);
}

}  // namespace foretell
