// What a prompt has to fulfil.
#pragma once

#include <span>

#include "foretell/generate.h"

namespace foretell {

// Throws Error where the prompt is empty or longer than the context.
void check_prompt(int64_t capacity, std::span<const TokenId> prompt);

}  // namespace foretell
