// The options of Metaspace, which is a pre-tokenizer and a decoder: blanks are written as a visible character.
#pragma once

#include "tokenizer/json_node.h"

namespace foretell::tokenization {

struct MetaspaceOptions {
  enum class Prepend { First, Never, Always };  // one more before the text: before the input's beginning only; ...
  char32_t replacement = U'\u2581';
  Prepend prepend = Prepend::Always;
  bool split = true;  // a piece begins with each
};
// Throws Error.
MetaspaceOptions read_metaspace(const JsonNode& node);

}  // namespace foretell::tokenization
