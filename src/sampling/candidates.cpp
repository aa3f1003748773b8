#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/exact_math.h"
#include "foretell/sampling.h"
#include "sampling/softmax.h"

namespace foretell {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

[[noreturn]] void refuse(float logit, size_t id) {
  throw Error({.what = "the logits are not all numbers",
               .where = "token " + std::to_string(id),
               .expected = "a finite logit or -infinity",
               .found = std::isnan(logit) ? "NaN" : "+infinity"});
}

// False for -infinity, which says that the token cannot come.
bool is_finite(float logit, size_t id) {
  if (logit == minus_infinity) return false;
  if (!std::isfinite(logit)) refuse(logit, id);
  return true;
}

// Those of up to 64 logits, of the tokens from `first` on, whose bits are set; gives their number.
size_t take(std::span<const float> block, size_t first, uint64_t bits, float* logits, TokenId* ids) {
  if (bits == UINT64_MAX) {
    std::copy(block.begin(), block.end(), logits);
    std::iota(ids, ids + block.size(), static_cast<TokenId>(first));
    return block.size();
  }
  // Each is written, and the next one over it if it is not to stay: so there is no branch to guess.
  size_t taken = 0;
  for (size_t i = 0; i < block.size(); i++) {
    logits[taken] = block[i];
    ids[taken] = static_cast<TokenId>(first + i);
    taken += bits >> i & 1;
  }
  return taken;
}

}  // namespace

void Candidates::assign(std::span<const float> logits, std::span<const uint64_t> allowed) {
  vocabulary_size_ = size_ = logits.size();
  if (logits_.size() < logits.size()) logits_.resize(logits.size());
  if (!allowed.empty()) return assign_allowed(logits, allowed);
  all_ = copy_finite(logits.data(), logits.size(), logits_.data());
  if (!all_) {
    ids_.resize(logits_.size());
    size_t kept = 0;
    for (size_t i = 0; i < logits.size(); i++) {
      if (!is_finite(logits[i], i)) continue;
      ids_[kept] = static_cast<TokenId>(i);
      logits_[kept++] = logits[i];
    }
    size_ = kept;
  }
  if (size_ == 0) {
    throw Error({.what = "no token can come next",
                 .expected = "a finite logit",
                 .found = logits.empty() ? "none" : "-infinity for all"});
  }
}

void Candidates::assign_allowed(std::span<const float> logits, std::span<const uint64_t> allowed) {
  constexpr int few = 8;  // of 64: one after the other they are taken sooner
  all_ = false;
  ids_.resize(logits_.size());
  const size_t words = std::min(allowed.size(), (logits.size() + 63) / 64);
  size_t count = 0;
  for (const uint64_t bits : allowed.first(words)) count += static_cast<size_t>(std::popcount(bits));
  // Where they are many, it is worth while to know that none needs a look. (The copy is written over.)
  const bool all_finite = 16 * count > logits.size() && copy_finite(logits.data(), logits.size(), logits_.data());
  size_ = 0;
  for (size_t word = 0; word < words; word++) {
    const auto block = logits.subspan(word * 64, std::min<size_t>(64, logits.size() - word * 64));
    uint64_t bits = allowed[word];
    if (block.size() < 64) bits &= (uint64_t{1} << block.size()) - 1;
    if (all_finite && std::popcount(bits) > few) {
      size_ += take(block, word * 64, bits, logits_.data() + size_, ids_.data() + size_);
      continue;
    }
    for (; bits != 0; bits &= bits - 1) {
      const size_t id = word * 64 + static_cast<size_t>(std::countr_zero(bits));
      if (!is_finite(logits[id], id)) continue;
      ids_[size_] = static_cast<TokenId>(id);
      logits_[size_++] = logits[id];
    }
  }
  if (size_ == 0)
    throw Error(
        {.what = "no token can come next", .expected = "a finite logit among the allowed tokens", .found = "none"});
}

std::vector<Candidate> Candidates::items() const {
  std::vector<Candidate> items;
  for (size_t i = 0; i < size_; i++) items.push_back((*this)[i]);
  return items;
}

std::optional<size_t> Candidates::find(TokenId id) const {
  if (id < 0) return {};
  const auto index = static_cast<size_t>(id);  // while no lower one is missing, the place is the id
  if (index < size_ && this->id(index) == id) return index;
  if (all_) return {};
  const auto end = ids_.begin() + static_cast<std::ptrdiff_t>(size_);
  const auto at = std::lower_bound(ids_.begin(), end, id);
  if (at == end || *at != id) return {};
  return static_cast<size_t>(at - ids_.begin());
}

float Candidates::best_logit() const { return foretell::largest(logits()); }

float Candidates::largest(std::span<const float> logits) { return foretell::largest(logits); }

// From here on the ids are written down.
void Candidates::name_all() {
  if (!all_) return;
  ids_.resize(logits_.size());
  std::iota(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(size_), 0);
  all_ = false;
}

void Candidates::keep_best() {
  keep_if_at_least(best_logit(), [](size_t) { return true; });
}

Candidates::Weights Candidates::weights() {
  if (weights_.size() < size_) weights_.resize(size_);
  const double total = exponentials(logits(), best_logit(), weights_.data());
  return {{weights_.data(), size_}, total};
}

double log_sum_exp(std::span<const float> logits) {
  const float best = largest(logits);
  if (best == minus_infinity) return best;
  double block[256], total = 0;
  for (size_t begin = 0; begin < logits.size(); begin += std::size(block)) {
    const size_t count = std::min(std::size(block), logits.size() - begin);
    total += exponentials(logits.subspan(begin, count), best, block);
  }
  return best + exact_log(total);
}

}  // namespace foretell
