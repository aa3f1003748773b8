// What each architecture's metadata mean to its family. Facts: the gguf package's constants.py, and what llama.cpp's
// converter writes and its loader takes for granted.
#include <initializer_list>
#include <utility>

#include "arch/gguf_config.h"

namespace foretell {
namespace {

void rename(Json& config, std::initializer_list<std::pair<const char*, const char*>> names) {
  for (const auto& [from, to] : names) {
    config[to] = config.at(from);
    config.erase(from);
  }
}

void call(Json& config, const char* model_type, const char* published_class) {
  config["model_type"] = model_type;
  config["architectures"] = Json::array({published_class});
}

// Experts in the keys that most families have. `normalize`: what the loader takes for granted where the file is silent.
void add_experts(const ModelKeys& keys, Json& config, bool normalize) {
  config["num_experts"] = keys.integer("expert_count");
  config["num_experts_per_tok"] = keys.integer("expert_used_count");
  config["moe_intermediate_size"] =
      keys.integer_or("expert_feed_forward_length", config.at("intermediate_size").get<int64_t>());
  config["norm_topk_prob"] = keys.flag_or("expert_weights_norm", normalize);
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

void qwen3moe(const ModelKeys& keys, Json& config) { add_experts(keys, config, true); }

void olmoe(const ModelKeys& keys, Json& config) {
  add_experts(keys, config, false);
  config["intermediate_size"] = config.at("moe_intermediate_size");
  if (keys.number_or("attention.clamp_kqv", 0) > 0) config["clip_qkv"] = keys.number_or("attention.clamp_kqv", 0);
}

void gpt2(const ModelKeys& keys, Json& config) {
  rename(config, {{"hidden_size", "n_embd"},
                  {"num_hidden_layers", "n_layer"},
                  {"num_attention_heads", "n_head"},
                  {"max_position_embeddings", "n_positions"},
                  {"intermediate_size", "n_inner"},
                  {"hidden_act", "activation_function"}});
  for (const char* key :
       {"num_key_value_heads", "head_dim", "rope_theta", "rope_scaling", "attention_bias", "mlp_bias"})
    config.erase(key);
  keys.only("attention.head_count_kv", config.at("n_head"));
}

constexpr std::string_view gelu_tanh = "gelu_pytorch_tanh";

}  // namespace

std::span<const GgufConventions> gguf_architectures() {
  static const GgufConventions all[] = {
      {.architecture = "gemma",
       .model_type = "gemma",
       .published_class = "GemmaForCausalLM",
       .activation = gelu_tanh,
       .norm_offset = 1},
      {.architecture = "gemma2",
       .model_type = "gemma2",
       .published_class = "Gemma2ForCausalLM",
       .activation = gelu_tanh,
       .settings = gemma2,
       .norm_offset = 1},
      {.architecture = "gemma3",
       .model_type = "gemma3_text",
       .published_class = "Gemma3ForCausalLM",
       .activation = gelu_tanh,
       .settings = gemma3,
       .norm_offset = 1},
      {.architecture = "gpt2",
       .model_type = "gpt2",
       .published_class = "GPT2LMHeadModel",
       .activation = "gelu_new",
       .epsilon = "layer_norm_epsilon",
       .settings = gpt2},
      {.architecture = "llama",
       .model_type = "llama",
       .published_class = "LlamaForCausalLM",
       .activation = "silu",
       .settings = llama,
       .interleaves_rotary = true},
      {.architecture = "olmoe",
       .model_type = "olmoe",
       .published_class = "OlmoeForCausalLM",
       .activation = "silu",
       .settings = olmoe},
      {.architecture = "qwen2",
       .model_type = "qwen2",
       .published_class = "Qwen2ForCausalLM",
       .activation = "silu",
       .settings = qwen2},
      {.architecture = "qwen2moe",
       .model_type = "qwen2_moe",
       .published_class = "Qwen2MoeForCausalLM",
       .activation = "silu",
       .settings = qwen2moe},
      {.architecture = "qwen3", .model_type = "qwen3", .published_class = "Qwen3ForCausalLM", .activation = "silu"},
      {.architecture = "qwen3moe",
       .model_type = "qwen3_moe",
       .published_class = "Qwen3MoeForCausalLM",
       .activation = "silu",
       .settings = qwen3moe},
  };
  return all;
}

}  // namespace foretell
