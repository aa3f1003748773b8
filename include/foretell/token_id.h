// The number by which a model and its tokenizer know a token.
#pragma once

#include <cstdint>

namespace foretell {

using TokenId = int32_t;

}  // namespace foretell
