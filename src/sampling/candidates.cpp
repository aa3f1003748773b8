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
  all_ = false;
  ids_.resize(logits_.size());
  size_ = 0;
  const size_t words = std::min(allowed.size(), (logits.size() + 63) / 64);
  size_t count = 0;
  for (const uint64_t bits : allowed.first(words)) count += static_cast<size_t>(std::popcount(bits));
  // Nearly all are copied in runs, where no logit needs a look; fewer one by one.
  const bool runs = 4 * count > 3 * logits.size() && copy_finite(logits.data(), logits.size(), logits_.data());
  for (size_t word = 0; word < words; word++) {
    uint64_t bits = allowed[word];
    if (const size_t rest = logits.size() - word * 64; rest < 64) bits &= (uint64_t{1} << rest) - 1;
    while (bits != 0) {
      const auto skipped = static_cast<size_t>(std::countr_zero(bits));
      const size_t first = word * 64 + skipped;
      const size_t length = runs ? static_cast<size_t>(std::countr_one(bits >> skipped)) : 1;
      if (runs || is_finite(logits[first], first)) {
        for (size_t i = 0; i < length; i++) ids_[size_ + i] = static_cast<TokenId>(first + i);
        std::copy_n(logits.data() + first, length, logits_.data() + size_);
        size_ += length;
      }
      bits = skipped + length < 64 ? bits >> (skipped + length) << (skipped + length) : 0;
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
