// The families that are known, one file each.
#pragma once

#include "arch/family.h"

namespace foretell {

extern const Family gemma_family, gpt2_family, llama_family, mistral_family, qwen2_family, qwen3_family;

}  // namespace foretell
