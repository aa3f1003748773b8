// The families that are known, one file each.
#pragma once

#include "arch/family.h"

namespace foretell {

extern const Family gemma_family, gpt2_family, lfm2_family, llama_family, mistral_family, qwen2_family, qwen3_family,
    qwen3_next_family, qwen3_5_family, qwen3_5_moe_family, gemma4_family;

}  // namespace foretell
