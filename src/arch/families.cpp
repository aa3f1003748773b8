#include "arch/families.h"

namespace foretell {

std::span<const Family* const> families() {
  static const Family* const all[] = {
      // clang-format off
      &apertus_family,
      &arcee_family,
      &bloom_family,
      &cohere_family,
      &cohere2_family,
      &deepseek_v2_family,
      &deepseek_v3_family,
      &ernie4_5_family,
      &exaone4_family,
      &falcon_family,
      &gemma_family,
      &gemma2_family,
      &gemma3_family,
      &gemma4_family,
      &glm_family,
      &glm4_family,
      &gpt2_family,
      &gpt_bigcode_family,
      &gpt_neo_family,
      &gpt_neox_family,
      &gpt_oss_family,
      &gptj_family,
      &granite_family,
      &granitemoe_family,
      &hunyuan_v1_dense_family,
      &lfm2_family,
      &llama_family,
      &llama4_family,
      &minicpm3_family,
      &ministral_family,
      &ministral3_family,
      &mistral_family,
      &mixtral_family,
      &mpt_family,
      &nemotron_family,
      &olmo_family,
      &olmo2_family,
      &olmo3_family,
      &olmoe_family,
      &opt_family,
      &phi_family,
      &phi3_family,
      &qwen2_family,
      &qwen2_moe_family,
      &qwen2_vl_family,
      &qwen3_family,
      &qwen3_5_family,
      &qwen3_5_moe_family,
      &qwen3_moe_family,
      &qwen3_next_family,
      &qwen3_vl_family,
      &qwen3_vl_moe_family,
      &seed_oss_family,
      &smollm3_family,
      &stablelm_family,
      &starcoder2_family,
      // clang-format on
  };
  return all;
}

}  // namespace foretell
