#include "generate/ngram_lookup.h"

#include <algorithm>
#include <bit>

namespace foretell {

NgramLookup::NgramLookup(size_t tokens) : heads_(std::bit_ceil(std::clamp<size_t>(2 * tokens, 1 << 8, 1 << 18))) {
  links_.reserve(tokens);
}

size_t NgramLookup::slot(const TokenId* gram) const {
  uint64_t hash = 0;
  for (size_t i = 0; i < least; i++) hash = (hash ^ static_cast<uint32_t>(gram[i])) * 0x9e3779b97f4a7c15U;
  return static_cast<size_t>(hash >> 32) & (heads_.size() - 1);
}

void NgramLookup::read(std::span<const TokenId> history) {
  for (size_t i = links_.size(); i < history.size(); i++) {
    if (match_.length > 0) {
      const bool came = history[match_.next] == history[i];
      acceptance_[kind_of(match_.length)].add(came);
      match_ = came ? Match{match_.next + 1, match_.length + 1} : Match{};
    }
    links_.push_back(0);
    if (i + 1 < least) continue;
    uint32_t& head = heads_[slot(&history[i + 1 - least])];
    links_[i] = head;
    head = static_cast<uint32_t>(i + 1);
  }
  if (match_.length == 0) match_ = longest(history);
}

NgramLookup::Match NgramLookup::longest(std::span<const TokenId> history) const {
  constexpr int most_tried = 32;
  constexpr size_t long_enough = 64;
  Match best;
  if (history.size() < least) return best;
  uint32_t end = links_[history.size() - 1];
  for (int tried = 0; end != 0 && tried < most_tried && best.length < long_enough; tried++, end = links_[end - 1]) {
    size_t length = 0;
    while (length < std::min<size_t>(end, long_enough) &&
           history[end - 1 - length] == history[history.size() - 1 - length])
      length++;
    if (length >= least && length > best.length) best = {end, length};
  }
  return best;
}

void NgramLookup::copy_continuation(std::span<const TokenId> history, std::span<TokenId> out) const {
  for (size_t i = 0; i < out.size(); i++) {
    const size_t at = match_.next + i;
    out[i] = at < history.size() ? history[at] : out[at - history.size()];
  }
}

}  // namespace foretell
