// Llama's shape, for the families that share it.
#pragma once

#include <functional>

#include "arch/family.h"

namespace foretell {

// The values of keys that config.json leaves out, as transformers' configuration classes have them.
struct LlamaDefaults {
  int64_t vocabulary = 32000, hidden = 4096, intermediate = 11008, layers = 32, heads = 32;
  int64_t kv_heads = 0;  // 0: as many as heads
  int64_t head_dim = 0;  // 0: hidden / heads
  int64_t context = 2048;
  bool tied = false;
};

ModelSpec llama_spec(const ConfigReader& config, const LlamaDefaults& defaults);
const std::vector<RoleName>& llama_names();

// Calls `change` for each layer that has attention.
void for_each_attention(ModelSpec& spec, const std::function<void(Attention&, int64_t layer)>& change);

}  // namespace foretell
