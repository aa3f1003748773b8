// Llama's shape, for the families that share it.
#pragma once

#include <functional>
#include <string_view>

#include "arch/family.h"

namespace foretell {

// The values of keys that config.json leaves out, as transformers' configuration classes have them.
struct LlamaDefaults {
  int64_t vocabulary = 32000, hidden = 4096, intermediate = 11008, layers = 32, heads = 32;
  int64_t kv_heads = 0;  // 0: as many as heads
  int64_t head_dim = 0;  // 0: hidden / heads
  int64_t context = 2048;
  bool tied = false;
  double epsilon = 1e-6, theta = 10000;
  double partial_rotary = 0;     // partial_rotary_factor; 0: not a key of the family
  int64_t original_context = 0;  // original_max_position_embeddings, where the class has it
  std::string_view activation = "silu";
  bool gated = true;
  // Keys that the family has: attention_bias and mlp_bias.
  bool attention_bias = true, mlp_bias = true;
};

ModelSpec llama_spec(const ConfigReader& config, const LlamaDefaults& defaults);
const std::vector<RoleName>& llama_names();
// A family's names with more of each layer, and Llama's.
std::vector<RoleName> with_layer_names(std::vector<RoleName> names, const std::vector<RoleName>& more);
std::vector<RoleName> llama_names_and(const std::vector<RoleName>& more);
const std::vector<RoleName>& output_norm_names();

// Puts `norm` where there is a norm: before attention, before the MLP, at the end.
void set_norms(ModelSpec& spec, const NormSpec& norm);
// Norms what attention and MLP add instead of what they read (OLMo 2), with output_norm_names().
void use_output_norms(ModelSpec& spec);
void set_biases(ModelSpec& spec, bool query_key_value, bool output, bool mlp);
// Calls `change` for each layer that has attention.
void for_each_attention(ModelSpec& spec, const std::function<void(Attention&, int64_t layer)>& change);
// The queries and keys of each head go through a norm like the final one.
void norm_queries_and_keys(ModelSpec& spec);

}  // namespace foretell
