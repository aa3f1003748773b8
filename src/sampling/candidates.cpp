#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/exact_math.h"
#include "foretell/sampling.h"
#include "sampling/softmax.h"

namespace foretell {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

bool all_finite(std::span<const float> values) {
  constexpr uint32_t exponent = 0x7f800000;
  uint32_t others = 0;  // no early end: so it is one vector loop
  for (const float v : values) others |= static_cast<uint32_t>((std::bit_cast<uint32_t>(v) & exponent) == exponent);
  return others == 0;
}

[[noreturn]] void refuse(float logit, size_t id) {
  throw Error({.what = "the logits are not all numbers",
               .where = "token " + std::to_string(id),
               .expected = "a finite logit or -infinity",
               .found = std::isnan(logit) ? "NaN" : "+infinity"});
}

}  // namespace

void Candidates::assign(std::span<const float> logits) {
  vocabulary_size_ = logits.size();
  if (items_.size() < logits.size()) items_.resize(logits.size());
  size_ = logits.size();
  if (all_finite(logits)) {
    for (size_t i = 0; i < logits.size(); i++) items_[i] = {static_cast<TokenId>(i), logits[i]};
  } else {
    size_t kept = 0;
    for (size_t i = 0; i < logits.size(); i++) {
      if (logits[i] == minus_infinity) continue;
      if (!std::isfinite(logits[i])) refuse(logits[i], i);
      items_[kept++] = {static_cast<TokenId>(i), logits[i]};
    }
    size_ = kept;
  }
  if (size_ == 0) {
    throw Error({.what = "no token can come next",
                 .expected = "a finite logit",
                 .found = logits.empty() ? "none" : "-infinity for all"});
  }
}

const Candidate* Candidates::find(TokenId id) const {
  if (id < 0) return nullptr;
  const auto index = static_cast<size_t>(id);  // while no lower one is missing, the place is the id
  if (index < size_ && items_[index].id == id) return &items_[index];
  const auto present = items();
  const auto at =
      std::lower_bound(present.begin(), present.end(), id, [](const Candidate& c, TokenId i) { return c.id < i; });
  return at != present.end() && at->id == id ? &*at : nullptr;
}

float Candidates::best_logit() const {
  return largest(size_, [this](size_t i) { return items_[i].logit; });
}

Candidates::Weights Candidates::weights() {
  if (weights_.size() < size_) weights_.resize(size_);
  const double best = best_logit();
  const Candidate* items = items_.data();
  double* weights = weights_.data();
  for (size_t i = 0; i < size_; i++) weights[i] = items[i].logit - best;
  exponentiate(weights, size_);
  return {{weights, size_}, sum_in_lanes(weights, size_)};
}

double log_sum_exp(std::span<const float> logits) {
  const float best = largest(logits.size(), [logits](size_t i) { return logits[i]; });
  if (best == minus_infinity) return best;
  double block[256], total = 0;
  for (size_t begin = 0; begin < logits.size(); begin += std::size(block)) {
    const size_t count = std::min(std::size(block), logits.size() - begin);
    for (size_t i = 0; i < count; i++) block[i] = static_cast<double>(logits[begin + i]) - best;
    exponentiate(block, count);
    total += sum_in_lanes(block, count);
  }
  return best + exact_log(total);
}

}  // namespace foretell
