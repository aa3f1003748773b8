// The families that are known.
#pragma once

#include "arch/family.h"

namespace foretell {

extern const Family apertus_family;
extern const Family arcee_family;
extern const Family bloom_family;
extern const Family cohere_family;
extern const Family cohere2_family;
extern const Family deepseek_v2_family;
extern const Family deepseek_v3_family;
extern const Family ernie4_5_family;
extern const Family exaone4_family;
extern const Family falcon_family;
extern const Family gemma_family;
extern const Family gemma2_family;
extern const Family gemma3_family;
extern const Family gemma4_family;
extern const Family glm_family;
extern const Family glm4_family;
extern const Family gpt2_family;
extern const Family gpt_bigcode_family;
extern const Family gpt_neo_family;
extern const Family gpt_neox_family;
extern const Family gpt_oss_family;
extern const Family gptj_family;
extern const Family granite_family;
extern const Family granitemoe_family;
extern const Family hunyuan_v1_dense_family;
extern const Family lfm2_family;
extern const Family llama_family;
extern const Family llama4_family;
extern const Family minicpm3_family;
extern const Family ministral_family;
extern const Family ministral3_family;
extern const Family mistral_family;
extern const Family mixtral_family;
extern const Family mpt_family;
extern const Family nemotron_family;
extern const Family olmo_family;
extern const Family olmo2_family;
extern const Family olmo3_family;
extern const Family olmoe_family;
extern const Family opt_family;
extern const Family phi_family;
extern const Family phi3_family;
extern const Family qwen2_family;
extern const Family qwen2_moe_family;
extern const Family qwen2_vl_family;
extern const Family qwen3_family;
extern const Family qwen3_5_family;
extern const Family qwen3_5_moe_family;
extern const Family qwen3_moe_family;
extern const Family qwen3_next_family;
extern const Family qwen3_vl_family;
extern const Family qwen3_vl_moe_family;
extern const Family seed_oss_family;
extern const Family smollm3_family;
extern const Family stablelm_family;
extern const Family starcoder2_family;

}  // namespace foretell
