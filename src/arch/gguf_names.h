// What tensors are called in GGUF.
#pragma once

#include <string>
#include <string_view>

#include "arch/gguf_config.h"

namespace foretell {

// "blk.{}.attn_q" with the layer's number in the hole.
std::string numbered(std::string_view pattern, int64_t layer);

// The name of what the family calls TensorSpec::name; experts are one stack. Throws Error where GGUF has none.
std::string gguf_name(const TensorSpec& tensor, const GgufConventions& conventions, const GgufFile& file);

// The metadata's list of one of xIELU's numbers for each layer; null for other roles.
const char* xielu_key(Role role);

}  // namespace foretell
