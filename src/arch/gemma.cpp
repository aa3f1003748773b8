// Gemma (arXiv:2403.08295): Llama's shape with norms that store w - 1, embeddings scaled by sqrt(hidden) and a head
// size of its own. Gemma 2 (arXiv:2408.00118) has norms of what attention and MLP add, too, caps on scores and logits,
// and windows in every other layer. Gemma 3 (arXiv:2503.19786) has windows in five layers of six, another rotary base
// in those, and norms of queries and keys in place of the caps. Defaults: transformers' GemmaConfig, Gemma2Config and
// Gemma3TextConfig.
#include <cmath>

#include "arch/common.h"
#include "arch/families.h"
#include "arch/gemma.h"
#include "arch/llama.h"

namespace foretell {
namespace {

// What all have in common.
ModelSpec gemma_spec(const ConfigReader& config, LlamaDefaults defaults, std::string_view activation_key) {
  config.only("use_bidirectional_attention", false);
  defaults.head_dim = 256;
  defaults.tied = true;
  defaults.mlp_bias = false;
  ModelSpec spec = llama_spec(config, defaults);
  spec.embedding_scale = std::sqrt(static_cast<float>(spec.hidden));
  spec.final_norm->weight_plus_one = true;
  for (auto& layer : spec.layers) {
    layer.attn_in = layer.mlp_in = spec.final_norm;
    std::get<Dense>(layer.mlp).activation = read_activation(config, activation_key, "gelu_pytorch_tanh");
  }
  return spec;
}

ModelSpec describe_gemma(const ConfigReader& config) {
  ModelSpec spec = gemma_spec(config,
                              {.vocabulary = 256000,
                               .hidden = 3072,
                               .intermediate = 24576,
                               .layers = 28,
                               .heads = 16,
                               .kv_heads = 16,
                               .context = 8192},
                              "hidden_act");
  // "gelu" in old folders means its tanh form (the reference says so too).
  for (auto& layer : spec.layers)
    if (auto& mlp = std::get<Dense>(layer.mlp); mlp.activation == Activation::Gelu)
      mlp.activation = Activation::GeluTanh;
  return spec;
}

// A cap: null is none.
float read_cap(const ConfigReader& config, std::string_view key, double fallback) {
  return static_cast<float>(config.number_or(key, config.mentions(key) ? 0 : fallback));
}

// What Gemma 2 and 3 have in common: every `pattern`-th layer sees all, the others a window.
ModelSpec gemma2_spec(const ConfigReader& config, const LlamaDefaults& defaults, int64_t pattern, double logit_cap) {
  ModelSpec spec = gemma_spec(config, defaults, "hidden_activation");
  spec.logit_cap = read_cap(config, "final_logit_softcapping", logit_cap);
  for (auto& layer : spec.layers) layer.attn_out = layer.mlp_out = spec.final_norm;
  const auto windows = read_windows(config, static_cast<int64_t>(spec.layers.size()),
                                    config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : 4096),
                                    [&](int64_t layer) { return (layer + 1) % pattern != 0; });
  const double scalar = config.number_or("query_pre_attn_scalar", 256);
  for_each_attention(spec, [&](Attention& attention, int64_t layer) {
    attention.window = windows[static_cast<size_t>(layer)];
    attention.scale = static_cast<float>(1 / std::sqrt(scalar));
  });
  return spec;
}

constexpr LlamaDefaults gemma2_defaults{.vocabulary = 256000,
                                        .hidden = 2304,
                                        .intermediate = 9216,
                                        .layers = 26,
                                        .heads = 8,
                                        .kv_heads = 4,
                                        .context = 8192};

ModelSpec describe_gemma2(const ConfigReader& config) {
  ModelSpec spec = gemma2_spec(config, gemma2_defaults, 2, 30);
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.logit_cap = read_cap(config, "attn_logit_softcapping", 50);
  });
  return spec;
}

// The rotary embedding of layers with a window; the keys of Llama are those of the others.
Rotary local_rotary(const ConfigReader& config, int64_t head_dim, int64_t context) {
  if (const auto ropes = config.object("rope_parameters"); ropes && ropes->has("sliding_attention"))
    return read_rotary(config, head_dim, context, {.layer_type = "sliding_attention"});
  return {.dims = head_dim, .theta = config.number_or("rope_local_base_freq", 10000)};
}

// Its class has attn_logit_softcapping, too, but the reference does not apply it.
ModelSpec describe_gemma3(const ConfigReader& config) {
  LlamaDefaults defaults = gemma2_defaults;
  defaults.vocabulary = 262208;
  defaults.context = 131072;
  defaults.theta = 1e6;
  ModelSpec spec = gemma2_spec(config, defaults, config.integer_or("sliding_window_pattern", 6), 0);
  norm_queries_and_keys(spec);
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    if (attention.window > 0) attention.rotary = local_rotary(config, attention.head_dim, spec.context);
  });
  return spec;
}

}  // namespace

const std::vector<RoleName>& gemma2_names() {
  static const std::vector<RoleName> names = {
      {Role::Embedding, "model.embed_tokens"},
      {Role::AttentionNorm, "model.layers.{}.input_layernorm"},
      {Role::Query, "model.layers.{}.self_attn.q_proj"},
      {Role::Key, "model.layers.{}.self_attn.k_proj"},
      {Role::Value, "model.layers.{}.self_attn.v_proj"},
      {Role::QueryNorm, "model.layers.{}.self_attn.q_norm"},
      {Role::KeyNorm, "model.layers.{}.self_attn.k_norm"},
      {Role::Output, "model.layers.{}.self_attn.o_proj"},
      {Role::AttentionOutNorm, "model.layers.{}.post_attention_layernorm"},
      {Role::MlpNorm, "model.layers.{}.pre_feedforward_layernorm"},
      {Role::Gate, "model.layers.{}.mlp.gate_proj"},
      {Role::Up, "model.layers.{}.mlp.up_proj"},
      {Role::Down, "model.layers.{}.mlp.down_proj"},
      {Role::MlpOutNorm, "model.layers.{}.post_feedforward_layernorm"},
      {Role::FinalNorm, "model.norm"},
      {Role::Unembedding, "lm_head"},
  };
  return names;
}

const Family gemma_family{.model_types = {"gemma"},
                          .gguf_architecture = "gemma",
                          .base_prefix = "model.",
                          .names = llama_names(),
                          .describe = describe_gemma};
const Family gemma2_family{.model_types = {"gemma2"},
                           .gguf_architecture = "gemma2",
                           .base_prefix = "model.",
                           .names = gemma2_names(),
                           .describe = describe_gemma2};
const Family gemma3_family{.model_types = {"gemma3_text", "gemma3"},
                           .gguf_architecture = "gemma3",
                           .base_prefix = "model.",
                           .names = gemma2_names(),
                           .describe = describe_gemma3};

}  // namespace foretell
