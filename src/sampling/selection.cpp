#include "sampling/selection.h"

#include <functional>

#include "sampling/softmax.h"

namespace foretell {

float kth_largest_logit(std::span<const float> logits, size_t k, std::vector<float>& scratch) {
  constexpr size_t heap_pays = 512;  // up to here most logits fail one comparison with the heap's top, and that is all
  constexpr size_t block = 64;
  if (k > heap_pays) {
    scratch.assign(logits.begin(), logits.end());
    const auto kth = scratch.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(scratch.begin(), kth, scratch.end(), std::greater<>());
    return *kth;
  }
  scratch.assign(logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(k));
  std::make_heap(scratch.begin(), scratch.end(), std::greater<>());
  for (size_t begin = k; begin < logits.size(); begin += block) {
    const auto part = logits.subspan(begin, std::min(block, logits.size() - begin));
    if (largest(part) <= scratch.front()) continue;
    for (const float logit : part) {
      if (logit <= scratch.front()) continue;
      std::pop_heap(scratch.begin(), scratch.end(), std::greater<>());
      scratch.back() = logit;
      std::push_heap(scratch.begin(), scratch.end(), std::greater<>());
    }
  }
  return scratch.front();
}

std::vector<TokenId> most_probable(std::span<const float> logits, size_t count) {
  count = std::min(count, logits.size());
  if (count == 0) return {};
  std::vector<float> scratch;
  std::vector<TokenId> ids;
  Candidates::visit_at_least(logits, kth_largest_logit(logits, count, scratch),
                             [&](size_t i) { ids.push_back(static_cast<TokenId>(i)); });
  const auto before = [logits](TokenId a, TokenId b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  std::sort(ids.begin(), ids.end(), before);
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
