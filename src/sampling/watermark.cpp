// Watermark: Kirchenbauer et al., "A watermark for large language models" (2023), with the seeds and the permutation of
// transformers' WatermarkLogitsProcessor on a CPU, so that its WatermarkDetector finds it: the last token (with
// self-hash the candidate itself and some tokens before it) seeds a Mersenne Twister that shuffles the vocabulary; the
// first part of it is green, and green tokens gain a bias. Edge cases: a text shorter than the context gains nothing;
// with self-hash only the 40 best candidates can be green.
#include <algorithm>
#include <numeric>
#include <random>

#include "sampling/samplers.h"
#include "sampling/selection.h"
#include "sampling/token_counts.h"

namespace foretell {
namespace {

// The first `count` of a permutation of `size` numbers, as torch.randperm makes it.
void shuffle(uint32_t seed, size_t size, size_t count, std::vector<uint32_t>& numbers) {
  std::mt19937 generator(seed);
  numbers.resize(size);
  std::iota(numbers.begin(), numbers.end(), 0U);
  for (size_t i = 0; i < count; i++) std::swap(numbers[i], numbers[i + generator() % (size - i)]);
}

class Watermark : public Sampler {
 public:
  explicit Watermark(const SamplingOptions& options)
      : ratio_(options.watermark_ratio),
        bias_(options.watermark_bias),
        key_(static_cast<uint64_t>(options.watermark_key)),
        context_(static_cast<size_t>(options.watermark_context)),
        self_hash_(options.watermark_self_hash == 1) {
    if (self_hash_) shuffle(static_cast<uint32_t>(key_), table_size, table_size, table_);
  }
  std::string_view name() const override { return "watermark"; }

  void apply(Candidates& candidates, const SamplingState& state) override {
    if (state.history.size() < context_) return;
    if (self_hash_) return mark_each(candidates, state.history);
    const size_t green = choose(key_ * static_cast<uint64_t>(state.history.back()), candidates.vocabulary_size());
    for (size_t i = 0; i < green; i++) add_bias(candidates, static_cast<TokenId>(order_[i]));
  }

 private:
  static constexpr size_t table_size = 1'000'003;
  static constexpr size_t most_tried = 40;

  // How many are green: the first of order_.
  size_t choose(uint64_t seed, size_t vocabulary) {
    const auto green = static_cast<size_t>(static_cast<double>(vocabulary) * ratio_);
    shuffle(static_cast<uint32_t>(seed), vocabulary, green, order_);
    return green;
  }

  void mark_each(Candidates& candidates, std::span<const TokenId> history) {
    green_.clear();
    for (const TokenId index : most_probable(candidates.logits(), most_tried)) {
      const TokenId id = candidates.id(static_cast<size_t>(index));
      const size_t green = choose(self_seed(history, id), candidates.vocabulary_size());
      const auto end = order_.begin() + static_cast<std::ptrdiff_t>(green);
      if (std::find(order_.begin(), end, static_cast<uint32_t>(id)) != end) green_.push_back(id);
    }
    for (const TokenId id : green_) add_bias(candidates, id);
  }

  // The smallest of key * entry(token) * entry(candidate) in 64 bits with sign, modulo 2^64 - 1.
  uint64_t self_seed(std::span<const TokenId> history, TokenId id) const {
    const uint64_t own = entry(id);
    auto least = static_cast<int64_t>(key_ * own * own);
    for (const TokenId before : history.last(context_ - 1))
      least = std::min(least, static_cast<int64_t>(key_ * entry(before) * own));
    return static_cast<uint64_t>(least) - (least < 0 ? 1 : 0);
  }
  uint64_t entry(TokenId id) const { return uint64_t{table_[static_cast<size_t>(id) % table_size]} + 1; }

  void add_bias(Candidates& candidates, TokenId id) const {
    const auto place = candidates.find(id);
    if (!place) return;
    float& logit = candidates.logits()[*place];
    logit = limit_logit(logit + bias_);
  }

  const double ratio_, bias_;
  const uint64_t key_;
  const size_t context_;
  const bool self_hash_;
  std::vector<uint32_t> table_, order_;
  std::vector<TokenId> green_;
};

}  // namespace

std::unique_ptr<Sampler> make_watermark(const SamplingOptions& options) {
  return options.watermark_bias == 0 ? nullptr : std::make_unique<Watermark>(options);
}

}  // namespace foretell
