#include "arch/families.h"

namespace foretell {

std::span<const Family* const> families() {
  static const Family* const all[] = {
      &gemma_family,  //
      &gpt2_family,  &llama_family,      &mistral_family, &qwen2_family,       &qwen3_family,
      &lfm2_family,  &qwen3_next_family, &qwen3_5_family, &qwen3_5_moe_family, &gemma4_family,
  };
  return all;
}

}  // namespace foretell
