// The metadata of architectures whose layers differ from one another: Qwen3-Next and Qwen3.5 with the delta rule, and
// Gemma 4. Facts: the gguf package's constants.py and llama.cpp's converter.
#include <string>

#include "arch/gguf_settings.h"

namespace foretell::gguf_settings {
namespace {

// Layers without attention, and the sizes of their heads.
void add_delta(const ModelKeys& keys, Json& config) {
  const int64_t values = keys.integer("ssm.time_step_rank"), inner = keys.integer("ssm.inner_size");
  if (inner % values != 0)
    throw keys.error("ssm.inner_size", "the heads cannot be shared out evenly",
                     "a multiple of ssm.time_step_rank = " + std::to_string(values), std::to_string(inner));
  config["linear_conv_kernel_dim"] = keys.integer("ssm.conv_kernel");
  config["linear_key_head_dim"] = keys.integer("ssm.state_size");
  config["linear_num_key_heads"] = keys.integer("ssm.group_count");
  config["linear_num_value_heads"] = values;
  config["linear_value_head_dim"] = inner / values;
  Json types = Json::array();
  for (int64_t i = 0; i < config.at("num_hidden_layers"); i++) {
    const bool linear = keys.has_tensor("blk." + std::to_string(i) + ".ssm_out.weight");
    types.push_back(linear ? "linear_attention" : "full_attention");
    if (!linear) config["attention_bias"] = keys.has_tensor("blk." + std::to_string(i) + ".attn_q.bias");
  }
  config["layer_types"] = types;
}

void add_shared_expert(const ModelKeys& keys, Json& config, bool normalize) {
  add_experts(keys, config, normalize);
  config["shared_expert_intermediate_size"] =
      keys.integer_or("expert_shared_feed_forward_length", config.at("moe_intermediate_size").get<int64_t>());
}

}  // namespace

void qwen3next(const ModelKeys& keys, Json& config) {
  add_delta(keys, config);
  add_shared_expert(keys, config, true);
}

void qwen35(const ModelKeys& keys, Json& config) { add_delta(keys, config); }

void qwen35moe(const ModelKeys& keys, Json& config) {
  add_delta(keys, config);
  add_shared_expert(keys, config, true);
}

// Layers that see all have larger heads, and may have fewer of keys and values, which may be one.
void gemma4(const ModelKeys& keys, Json& config) {
  const int64_t layers = config.at("num_hidden_layers");
  const auto slides = keys.layer_flags("attention.sliding_window_pattern", layers);
  if (slides.empty())
    throw keys.error("attention.sliding_window_pattern", "a key is missing", "true or false for each layer", "nothing");
  config["num_key_value_heads"] = config.at("num_attention_heads");
  Json types = Json::array();
  const auto kv_heads = keys.each_layer("attention.head_count_kv", layers);
  for (int64_t i = 0; i < layers; i++) {
    const bool full = !slides[static_cast<size_t>(i)];
    types.push_back(full ? "full_attention" : "sliding_attention");
    config[full ? "num_global_key_value_heads" : "num_key_value_heads"] = kv_heads[static_cast<size_t>(i)];
    const std::string block = "blk." + std::to_string(i);
    if (full && keys.has_tensor(block + ".attn_k.weight"))
      config["attention_k_eq_v"] = !keys.has_tensor(block + ".attn_v.weight");
  }
  config["layer_types"] = types;
  config["global_head_dim"] = keys.integer("attention.key_length");
  config["head_dim"] = keys.integer("attention.key_length_swa");
  keys.only("attention.value_length", config.at("global_head_dim"));
  keys.only("attention.value_length_swa", config.at("head_dim"));
  keys.only("rope.dimension_count", config.at("global_head_dim"));
  keys.only("rope.dimension_count_swa", config.at("head_dim"));
  config["sliding_window"] = keys.integer("attention.sliding_window");

  const int64_t shared = keys.integer_or("attention.shared_kv_layers", 0, 0);
  const auto inner = keys.each_layer("feed_forward_length", layers);
  config["num_kv_shared_layers"] = shared;
  config["intermediate_size"] = inner.front();
  config["use_double_wide_mlp"] = shared > 0 && inner.back() == 2 * inner.front();

  Json full = config.at("rope_scaling").is_null() ? Json{{"rope_type", "default"}} : config.at("rope_scaling");
  full["rope_theta"] = config.at("rope_theta");
  config.erase("rope_scaling");
  config["rope_parameters"] = {
      {"full_attention", full},
      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", keys.number_or("rope.freq_base_swa", 10000)}}}};

  const double cap = keys.number_or("final_logit_softcapping", 0);
  config["final_logit_softcapping"] = cap > 0 ? Json(cap) : Json();
  config["hidden_size_per_layer_input"] = keys.integer_or("embedding_length_per_layer_input", 0, 0);
  if (const TensorView* own = keys.find_tensor("per_layer_token_embd.weight"))
    config["vocab_size_per_layer_input"] = own->shape.front();
  config["hidden_activation"] = config.at("hidden_act");
  if (const int64_t experts = keys.integer_or("expert_count", 0, 0); experts > 0) {
    config["enable_moe_block"] = true;
    config["num_experts"] = experts;
    config["top_k_experts"] = keys.integer("expert_used_count");
    config["moe_intermediate_size"] = keys.integer("expert_feed_forward_length");
  }
}

}  // namespace foretell::gguf_settings
