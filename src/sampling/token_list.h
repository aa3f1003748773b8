// Removing given tokens from the candidates.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "foretell/sampling.h"

namespace foretell {

inline std::vector<TokenId> sorted(std::vector<TokenId> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

// `ids` is sorted. Where it names every candidate, the best ones stay.
inline void remove_tokens(Candidates& candidates, std::span<const TokenId> ids) {
  bool any = false;  // mostly few ids are looked for among many candidates
  for (const TokenId id : ids) any |= candidates.find(id).has_value();
  if (!any) return;
  candidates.keep_if([&](size_t i) { return !std::binary_search(ids.begin(), ids.end(), candidates.id(i)); });
}

}  // namespace foretell
