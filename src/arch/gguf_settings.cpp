// What each architecture's metadata say beyond the keys that all have, as config.json's. Facts: the gguf package's
// constants.py, and what llama.cpp's converter writes and its loader takes for granted.
#include "arch/gguf_settings.h"

#include <initializer_list>
#include <string>
#include <utility>

namespace foretell {
namespace {

void rename(Json& config, std::initializer_list<std::pair<const char*, const char*>> names) {
  for (const auto& [from, to] : names) {
    config[to] = config.at(from);
    config.erase(from);
  }
}

// layer_types by the file's own list or, without one, every `period`-th layer sees all.
void add_windows(const ModelKeys& keys, Json& config, int64_t period) {
  const int64_t layers = config.at("num_hidden_layers"), window = keys.integer_or("attention.sliding_window", 0, 0);
  const auto flags = keys.layer_flags("attention.sliding_window_pattern", layers);
  if (flags.empty()) period = keys.integer_or("attention.sliding_window_pattern", period);
  if (window == 0) {
    config["sliding_window"] = nullptr;
    return;
  }
  Json types = Json::array();
  for (int64_t i = 0; i < layers; i++) {
    const bool slides = flags.empty() ? (i + 1) % period != 0 : flags[static_cast<size_t>(i)];
    types.push_back(slides ? "sliding_attention" : "full_attention");
  }
  config["sliding_window"] = window;
  config["layer_types"] = types;
}

// Of the largest models, scores are scaled by the heads' share of the hidden size, which the file does not say.
void add_gemma_scale(Json& config, int64_t layers_of_largest) {
  const bool largest = config.at("num_hidden_layers") == layers_of_largest;
  config["query_pre_attn_scalar"] =
      largest ? config.at("hidden_size").get<int64_t>() / config.at("num_attention_heads").get<int64_t>()
              : config.at("head_dim").get<int64_t>();
  rename(config, {{"hidden_act", "hidden_activation"}});
}

// A cap: 0 and nothing are none.
Json cap(const ModelKeys& keys, std::string_view key) {
  const double value = keys.number_or(key, 0);
  return value > 0 ? Json(value) : Json();
}

void drop(Json& config, std::initializer_list<const char*> keys) {
  for (const char* key : keys) config.erase(key);
}

void rename_as_gpt2(Json& config) {
  rename(config, {{"hidden_size", "n_embd"},
                  {"num_hidden_layers", "n_layer"},
                  {"num_attention_heads", "n_head"},
                  {"max_position_embeddings", "n_positions"},
                  {"intermediate_size", "n_inner"},
                  {"hidden_act", "activation_function"}});
  drop(config, {"num_key_value_heads", "head_dim", "rope_theta", "rope_scaling", "attention_bias", "mlp_bias"});
}

}  // namespace

namespace gguf_settings {

void call(Json& config, const char* model_type, const char* published_class) {
  config["model_type"] = model_type;
  config["architectures"] = Json::array({published_class});
}

void add_experts(const ModelKeys& keys, Json& config, bool normalize) {
  config["num_experts"] = keys.integer("expert_count");
  config["num_experts_per_tok"] = keys.integer("expert_used_count");
  config["moe_intermediate_size"] =
      keys.integer_or("expert_feed_forward_length", config.at("intermediate_size").get<int64_t>());
  config["norm_topk_prob"] = keys.flag_or("expert_weights_norm", normalize);
}

void gemma2(const ModelKeys& keys, Json& config) {
  add_windows(keys, config, 2);
  add_gemma_scale(config, 46);
  config["attn_logit_softcapping"] = cap(keys, "attn_logit_softcapping");
  config["final_logit_softcapping"] = cap(keys, "final_logit_softcapping");
}

void gemma3(const ModelKeys& keys, Json& config) {
  add_windows(keys, config, 6);
  add_gemma_scale(config, 62);
  config["final_logit_softcapping"] = cap(keys, "final_logit_softcapping");
  config["rope_local_base_freq"] = keys.number_or("rope.freq_base_swa", 10000);
}

// Mistral and Mixtral go by the name of Llama.
void llama(const ModelKeys& keys, Json& config) {
  const int64_t window = keys.integer_or("attention.sliding_window", 0, 0);
  const int64_t experts = keys.integer_or("expert_count", 0, 0);
  if (experts > 0) {
    call(config, "mixtral", "MixtralForCausalLM");
    config["num_local_experts"] = experts;
    config["num_experts_per_tok"] = keys.integer("expert_used_count");
  } else if (window > 0) {
    call(config, "mistral", "MistralForCausalLM");
  }
  if (window > 0 || experts > 0) config["sliding_window"] = window > 0 ? Json(window) : Json();
}

// Biases of query, key and value belong to the family, and no key speaks of them.
void qwen2(const ModelKeys&, Json& config) { config["attention_bias"] = false; }

void qwen2moe(const ModelKeys& keys, Json& config) {
  add_experts(keys, config, false);
  config["shared_expert_intermediate_size"] =
      keys.integer_or("expert_shared_feed_forward_length", config.at("intermediate_size").get<int64_t>());
  config["qkv_bias"] = config.at("attention_bias");
  config["attention_bias"] = false;
}

void qwen2vl(const ModelKeys&, Json& config) { config["attention_bias"] = false; }

void qwen3vlmoe(const ModelKeys& keys, Json& config) { add_experts(keys, config, true); }

void qwen3moe(const ModelKeys& keys, Json& config) { add_experts(keys, config, true); }

void olmoe(const ModelKeys& keys, Json& config) {
  add_experts(keys, config, false);
  config["intermediate_size"] = config.at("moe_intermediate_size");
  if (keys.number_or("attention.clamp_kqv", 0) > 0) config["clip_qkv"] = keys.number_or("attention.clamp_kqv", 0);
}

void gpt2(const ModelKeys& keys, Json& config) {
  rename_as_gpt2(config);
  keys.only("attention.head_count_kv", config.at("n_head"));
}

void starcoder(const ModelKeys& keys, Json& config) {
  const int64_t kv_heads = config.at("num_key_value_heads");
  config["num_key_value_heads"] = config.at("num_attention_heads");
  rename_as_gpt2(config);
  if (kv_heads != 1) keys.only("attention.head_count_kv", config.at("n_head"));
  config["multi_query"] = kv_heads == 1;
}

void bloom(const ModelKeys& keys, Json& config) {
  rename(
      config,
      {{"num_hidden_layers", "n_layer"}, {"num_attention_heads", "n_head"}, {"max_position_embeddings", "seq_length"}});
  keys.only("attention.head_count_kv", config.at("n_head"));
  keys.only("feed_forward_length", 4 * config.at("hidden_size").get<int64_t>());
  drop(config, {"num_key_value_heads", "head_dim", "rope_theta", "rope_scaling", "attention_bias", "mlp_bias",
                "intermediate_size", "hidden_act"});
}

void mpt(const ModelKeys& keys, Json& config) {
  rename(config, {{"num_hidden_layers", "n_layers"},
                  {"num_attention_heads", "n_heads"},
                  {"hidden_size", "d_model"},
                  {"max_position_embeddings", "max_seq_len"}});
  keys.only("attention.head_count_kv", config.at("n_heads"));
  keys.only("feed_forward_length", 4 * config.at("d_model").get<int64_t>());
  const double max_bias = keys.number_or("attention.max_alibi_bias", 0),
               clip = keys.number_or("attention.clamp_kqv", 0);
  config["attn_config"] = {{"alibi", max_bias > 0}, {"alibi_bias_max", max_bias}, {"clip_qkv", nullptr}};
  if (clip > 0) config["attn_config"]["clip_qkv"] = clip;
  drop(config, {"num_key_value_heads", "head_dim", "rope_theta", "rope_scaling", "attention_bias", "mlp_bias",
                "intermediate_size", "hidden_act"});
}

void falcon(const ModelKeys& keys, Json& config) {
  const bool grouped = config.at("num_key_value_heads") != 1;
  rename(config, {{"num_key_value_heads", "num_kv_heads"},
                  {"intermediate_size", "ffn_hidden_size"},
                  {"hidden_act", "activation"}});
  config["new_decoder_architecture"] = grouped;
  config["multi_query"] = !grouped;
  config["parallel_attn"] = true;
  config["bias"] = config["alibi"] = false;
  if (grouped) config["num_ln_in_parallel_attn"] = keys.has_tensor("blk.0.attn_norm_2.weight") ? 2 : 1;
}

void gptneox(const ModelKeys& keys, Json& config) {
  config["rotary_emb_base"] = config.at("rope_theta");
  config["attention_bias"] = keys.has_tensor("blk.0.attn_qkv.bias");
  config["use_parallel_residual"] = keys.flag_or("use_parallel_residual", true);
  keys.only("attention.head_count_kv", config.at("num_attention_heads"));
}

void starcoder2(const ModelKeys&, Json& config) { config["use_bias"] = config.at("attention_bias"); }

void ernie4_5(const ModelKeys&, Json& config) { config["use_bias"] = config.at("attention_bias"); }

void windows_of_four(const ModelKeys& keys, Json& config) { add_windows(keys, config, 4); }

void phi2(const ModelKeys&, Json& config) { config["qk_layernorm"] = false; }

// LongRoPE's original context stands outside of the rope's own object.
void phi3(const ModelKeys& keys, Json& config) {
  const int64_t window = keys.integer_or("attention.sliding_window", 0, 0);
  config["sliding_window"] = window > 0 ? Json(window) : Json();
  Json& scaling = config.at("rope_scaling");
  if (!scaling.is_object() || !scaling.contains("original_max_position_embeddings")) return;
  config["original_max_position_embeddings"] = scaling.at("original_max_position_embeddings");
  scaling.erase("original_max_position_embeddings");
}

// The key is no guide to older files: what counts is whether the MLP has a norm of its own.
void stablelm(const ModelKeys& keys, Json& config) {
  (void)keys.has("use_parallel_residual");
  config["use_parallel_residual"] = !keys.has_tensor("blk.0.ffn_norm.weight");
  config["use_qkv_bias"] = config.at("attention_bias");
  config["qk_layernorm"] = keys.has_tensor("blk.0.attn_q_norm.weight");
  config["attention_bias"] = false;
}

void cohere(const ModelKeys& keys, Json& config) {
  config["logit_scale"] = keys.number_or("logit_scale", 0.0625);
  config["use_qk_norm"] = keys.has_tensor("blk.0.attn_q_norm.weight");
}

void cohere2(const ModelKeys& keys, Json& config) {
  config["logit_scale"] = keys.number_or("logit_scale", 0.0625);
  add_windows(keys, config, 4);
}

void olmo(const ModelKeys& keys, Json& config) {
  if (const double clip = keys.number_or("attention.clamp_kqv", 0); clip > 0) config["clip_qkv"] = clip;
}

// OLMo 3 goes by the name of OLMo 2.
void olmo2(const ModelKeys& keys, Json& config) {
  if (keys.integer_or("attention.sliding_window", 0, 0) == 0) return;
  call(config, "olmo3", "Olmo3ForCausalLM");
  add_windows(keys, config, 4);
}

void seed_oss(const ModelKeys& keys, Json& config) {
  config["attention_out_bias"] = keys.has_tensor("blk.0.attn_output.bias");
}

void gpt_oss(const ModelKeys& keys, Json& config) {
  add_experts(keys, config, false);
  rename(config, {{"num_experts", "num_local_experts"}, {"moe_intermediate_size", "intermediate_size"}});
  add_windows(keys, config, 2);
  config["attention_bias"] = true;
  if (config.at("rope_scaling").is_object()) config["rope_scaling"]["truncate"] = false;  // as published
}

// The factors by which numbers are kept from growing.
void granite(const ModelKeys& keys, Json& config) {
  config["attention_multiplier"] = keys.number_or("attention.scale", 1);
  config["embedding_multiplier"] = keys.number_or("embedding_scale", 1);
  config["residual_multiplier"] = keys.number_or("residual_scale", 1);
  config["logits_scaling"] = keys.number_or("logit_scale", 1);
}

void granitemoe(const ModelKeys& keys, Json& config) {
  granite(keys, config);
  config["num_local_experts"] = keys.integer("expert_count");
  config["num_experts_per_tok"] = keys.integer("expert_used_count");
}

// Layers without key-value heads have a convolution.
void lfm2(const ModelKeys& keys, Json& config) {
  Json types = Json::array();
  for (const int64_t heads : keys.each_layer("attention.head_count_kv", config.at("num_hidden_layers")))
    types.push_back(heads > 0 ? "full_attention" : "conv");
  config["layer_types"] = types;
  config["norm_eps"] = keys.number_or("attention.layer_norm_rms_epsilon", 1e-5);
  config["conv_L_cache"] = keys.integer("shortconv.l_cache");
  config["conv_bias"] = false;
  config["block_auto_adjust_ff_dim"] = false;
}

// V3 has a learned correction of the experts' scores. Older files do not speak of the experts' groups; those of the
// largest models are as published.
void deepseek2(const ModelKeys& keys, Json& config) {
  const bool newer = keys.has("attention.key_length_mla");
  const int64_t turning = keys.integer("rope.dimension_count"),
                first = keys.integer_or("leading_dense_block_count", 0, 0);
  config["num_key_value_heads"] = config.at("num_attention_heads");
  config["q_lora_rank"] = keys.has("attention.q_lora_rank") ? Json(keys.integer("attention.q_lora_rank")) : Json();
  config["kv_lora_rank"] = keys.integer("attention.kv_lora_rank");
  config["qk_rope_head_dim"] = turning;
  config["qk_nope_head_dim"] = keys.integer(newer ? "attention.key_length_mla" : "attention.key_length") - turning;
  config["v_head_dim"] = keys.integer(newer ? "attention.value_length_mla" : "attention.value_length");
  config["first_k_dense_replace"] = first;
  config["moe_intermediate_size"] = keys.integer("expert_feed_forward_length");
  const int64_t experts = keys.integer("expert_count");
  config["n_routed_experts"] = experts;
  config["num_experts_per_tok"] = keys.integer("expert_used_count");
  config["n_shared_experts"] = keys.integer_or("expert_shared_count", 0, 0);
  config["routed_scaling_factor"] = keys.number_or("expert_weights_scale", 1);
  config["norm_topk_prob"] = keys.flag_or("expert_weights_norm", false);
  const bool third = keys.has_tensor("blk." + std::to_string(first) + ".exp_probs_b.bias");
  const bool grouped = experts == (third ? 256 : 160);
  config["n_group"] = keys.integer_or("expert_group_count", grouped ? 8 : 1);
  config["topk_group"] = keys.integer_or("expert_group_used_count", grouped ? (third ? 4 : 3) : 1);
  if (third) return call(config, "deepseek_v3", "DeepseekV3ForCausalLM");
  config["topk_method"] = config.at("n_group") == 1 ? "greedy" : "group_limited_greedy";
}

// The class's factors are not in the file, nor is the size of values: llama.cpp takes the published model's for
// granted.
void minicpm3(const ModelKeys& keys, Json& config) {
  const int64_t turning = keys.integer("rope.dimension_count"), heads = config.at("num_attention_heads");
  config["num_key_value_heads"] = heads;
  config["q_lora_rank"] = keys.has("attention.q_lora_rank") ? Json(keys.integer("attention.q_lora_rank")) : Json();
  config["kv_lora_rank"] = keys.integer("attention.kv_lora_rank");
  config["qk_rope_head_dim"] = turning;
  config["qk_nope_head_dim"] = keys.integer("attention.key_length") - turning;
  const TensorView* output = keys.find_tensor("blk.0.attn_output.weight");
  config["v_head_dim"] = (output == nullptr ? config.at("hidden_size").get<int64_t>() : output->shape.back()) / heads;
  config["scale_emb"] = 12;
  config["dim_model_base"] = 256;
  config["scale_depth"] = 1.4;
}

// Mistral 3: YaRN, and queries that grow with their position.
void mistral3(const ModelKeys& keys, Json& config) {
  Json& rope = config.at("rope_scaling");
  if (rope.is_null()) rope = {{"rope_type", "default"}, {"rope_theta", config.at("rope_theta")}};
  rope["llama_4_scaling_beta"] = keys.number_or("attention.temperature_scale", 0);
}

// What the file does not say is as in the published models: chunks of 8,192 tokens, every fourth layer without them.
void llama4(const ModelKeys& keys, Json& config) {
  const int64_t experts = keys.integer("expert_count");
  config["num_local_experts"] = experts;
  config["num_experts_per_tok"] = keys.integer("expert_used_count");
  rename(config, {{"intermediate_size", "intermediate_size_mlp"}});
  config["intermediate_size"] = keys.integer("expert_feed_forward_length");
  config["interleave_moe_layer_step"] = keys.integer_or("interleave_moe_layer_step", 1);
  config["attention_chunk_size"] = keys.integer_or("attention.chunk_size", 8192);
  config["use_qk_norm"] = experts != 128;  // Maverick has none
}

}  // namespace gguf_settings
}  // namespace foretell
