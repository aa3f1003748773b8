#include "sampling/token_counts.h"

#include <algorithm>
#include <limits>

namespace foretell {

std::span<const TokenCounts::Entry> TokenCounts::count(std::span<const TokenId> history, size_t vocabulary_size) {
  if (last_n_ >= 0 && static_cast<size_t>(last_n_) < history.size())
    history = history.last(static_cast<size_t>(last_n_));
  place_.resize(vocabulary_size);
  entries_.clear();
  for (const TokenId id : history) {
    if (id < 0 || static_cast<size_t>(id) >= vocabulary_size) continue;
    size_t& place = place_[static_cast<size_t>(id)];
    if (place == 0) {
      entries_.push_back({id, 0});
      place = entries_.size();
    }
    entries_[place - 1].count++;
  }
  for (const Entry& entry : entries_) place_[static_cast<size_t>(entry.id)] = 0;
  return entries_;
}

float limit_logit(double logit) {
  constexpr double limit = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(logit, -limit, limit));
}

}  // namespace foretell
