#include "generate/check_prompt.h"

#include <string>

namespace foretell {

void check_prompt(int64_t capacity, std::span<const TokenId> prompt) {
  if (prompt.empty()) throw Error({.what = "the prompt has no tokens", .expected = "at least one"});
  const auto length = static_cast<int64_t>(prompt.size());
  if (length <= capacity) return;
  throw Error({.what = "the prompt is longer than the context",
               .expected = "at most " + std::to_string(capacity) + " tokens",
               .found = std::to_string(length),
               .hint = "-c/--context sets a larger context, where the model has one; else shorten the prompt"});
}

}  // namespace foretell
