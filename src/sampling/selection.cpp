#include "sampling/selection.h"

#include <functional>
#include <numeric>

namespace foretell {

float kth_largest_logit(std::span<const Candidate> candidates, size_t k, std::vector<float>& scratch) {
  constexpr size_t heap_pays = 512;  // up to here most logits fail one comparison with the heap's top, and that is all
  scratch.clear();
  if (k > heap_pays) {
    for (const Candidate& c : candidates) scratch.push_back(c.logit);
    const auto kth = scratch.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(scratch.begin(), kth, scratch.end(), std::greater<>());
    return *kth;
  }
  for (const Candidate& c : candidates.first(k)) scratch.push_back(c.logit);
  std::make_heap(scratch.begin(), scratch.end(), std::greater<>());
  for (const Candidate& c : candidates.subspan(k)) {
    if (c.logit <= scratch.front()) continue;
    std::pop_heap(scratch.begin(), scratch.end(), std::greater<>());
    scratch.back() = c.logit;
    std::push_heap(scratch.begin(), scratch.end(), std::greater<>());
  }
  return scratch.front();
}

std::vector<TokenId> most_probable(std::span<const float> logits, size_t count) {
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto before = [logits](TokenId a, TokenId b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  count = std::min(count, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(), before);
  ids.resize(count);
  return ids;
}

void Ranking::sort_more() {
  const auto before = [](const Entry& a, const Entry& b) {
    return a.key < b.key || (a.key == b.key && a.index < b.index);
  };
  const size_t block = std::max<size_t>(64, sorted_ * 4);
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  if (block >= entries_.size() - sorted_) {
    std::sort(first, entries_.end(), before);
    sorted_ = entries_.size();
    return;
  }
  const auto last = first + static_cast<std::ptrdiff_t>(block);
  std::nth_element(first, last, entries_.end(), before);
  std::sort(first, last, before);
  sorted_ += block;
}

}  // namespace foretell
