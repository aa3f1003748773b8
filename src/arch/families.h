// The families that are known, one file each.
#pragma once

#include "arch/family.h"

namespace foretell {

extern const Family gemma_family, gpt2_family, lfm2_family, llama_family, mistral_family, qwen2_family, qwen3_family,
    qwen3_next_family, qwen3_5_family, qwen3_5_moe_family, gemma4_family;
extern const Family arcee_family, bloom_family, cohere_family, cohere2_family, ernie4_5_family, exaone4_family,
    falcon_family, glm_family, glm4_family, gpt_bigcode_family, gpt_neo_family, gpt_neox_family, gptj_family,
    mpt_family, nemotron_family, olmo_family, olmo2_family, olmo3_family, opt_family, phi_family, phi3_family,
    seed_oss_family, smollm3_family, stablelm_family, starcoder2_family;

}  // namespace foretell
