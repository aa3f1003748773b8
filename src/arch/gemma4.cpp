// Gemma 4 (Google, 2026): as Gemma 3, but every layer also mixes in an embedding of the token that is its own, the last
// layers read the keys and values of earlier ones, layers that see all have larger heads of which a quarter turns, and
// values are normed, too. Defaults: transformers' Gemma4TextConfig.
#include <cmath>

#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

std::vector<std::string> layer_types(const ConfigReader& config, size_t layers) {
  auto types = config.texts("layer_types");
  if (types.empty())
    for (size_t i = 0; i < layers; i++) types.emplace_back((i + 1) % 6 == 0 ? "full_attention" : "sliding_attention");
  if (types.size() != layers)
    throw config.error("layer_types", "a list has another length", std::to_string(layers),
                       std::to_string(types.size()));
  for (const std::string& type : types)
    if (type != "full_attention" && type != "sliding_attention")
      throw config.error("layer_types", "unknown value", "full_attention or sliding_attention", "\"" + type + "\"");
  types.back() = "full_attention";  // as the reference has it
  return types;
}

// What one layer has of its own: "per_layer_config", or the keys for the layers that see all.
struct HeadSizes {
  int64_t kv_heads, head_dim;
};
HeadSizes head_sizes(const ConfigReader& config, const Attention& attention, size_t layer, bool full,
                     bool value_is_key) {
  HeadSizes sizes{attention.kv_heads, attention.head_dim};
  if (const auto all = config.object("per_layer_config")) {
    const auto own = all->object(std::to_string(layer));
    if (!own) return sizes;
    return {own->integer_or("num_key_value_heads", sizes.kv_heads), own->integer_or("head_dim", sizes.head_dim)};
  }
  if (!full) return sizes;
  const int64_t kv_heads =
      value_is_key ? config.integer_or("num_global_key_value_heads", sizes.kv_heads) : sizes.kv_heads;
  return {kv_heads, config.integer_or("global_head_dim", 512)};
}

Rotary rotary_of(const ConfigReader& config, int64_t head_dim, int64_t context, bool full) {
  if (config.has("rope_parameters"))
    return read_rotary(config, head_dim, context, {.layer_type = full ? "full_attention" : "sliding_attention"});
  Rotary rotary{.dims = head_dim, .theta = full ? 1e6 : 1e4};
  if (full) rotary.scaling = ProportionalScaling{.turning_pairs = head_dim / 8};
  return rotary;
}

// The last layer before `first` of the same type.
int64_t kv_layer(const ConfigReader& config, const std::vector<std::string>& types, size_t layer, size_t first) {
  for (size_t i = first; i-- > 0;)
    if (types[i] == types[layer]) return static_cast<int64_t>(i);
  throw config.error("num_kv_shared_layers", "no earlier layer has the keys and values of a type of layers",
                     "one of " + types[layer] + " before the last ones", std::to_string(types.size() - first));
}

ModelSpec describe(const ConfigReader& config) {
  config.only("enable_moe_block", false);
  if (config.text_or("use_bidirectional_attention", "vision") != "vision")
    throw config.error("use_bidirectional_attention", "attention to later tokens is not known", "null or \"vision\"",
                       config.text("use_bidirectional_attention"));
  ModelSpec spec = llama_spec(config, {.vocabulary = 262144,
                                       .hidden = 2304,
                                       .intermediate = 9216,
                                       .layers = 30,
                                       .heads = 8,
                                       .kv_heads = 4,
                                       .head_dim = 256,
                                       .context = 131072,
                                       .tied = true});
  spec.embedding_scale = std::sqrt(static_cast<float>(spec.hidden));
  spec.logit_cap = static_cast<float>(config.number_or("final_logit_softcapping", 0));
  const NormSpec norm = *spec.final_norm;
  NormSpec bare = norm;
  bare.weight = false;
  const Activation activation = read_activation(config, "hidden_activation", "gelu_pytorch_tanh");
  const int64_t own_dims = config.integer_or("hidden_size_per_layer_input", 256, 0);
  if (own_dims > 0) spec.per_layer_vocabulary = config.integer_or("vocab_size_per_layer_input", 262144);
  const size_t layers = spec.layers.size();
  const auto shared = static_cast<size_t>(config.integer_or("num_kv_shared_layers", 0, 0));
  if (shared >= layers)
    throw config.error("num_kv_shared_layers", "a value is out of range", "fewer than num_hidden_layers",
                       std::to_string(shared));
  const size_t first_shared = layers - shared;
  const auto types = layer_types(config, layers);
  for (size_t i = 0; i < layers; i++) {
    LayerSpec& layer = spec.layers[i];
    const bool full = types[i] == "full_attention", reuses = i >= first_shared;
    layer.attn_out = layer.mlp_out = norm;
    layer.output_scale = true;
    Attention& attention = *attention_of(layer);
    attention.value_is_key = full && config.flag_or("attention_k_eq_v", false);
    const HeadSizes sizes = head_sizes(config, attention, i, full, attention.value_is_key);
    attention.kv_heads = sizes.kv_heads;
    attention.head_dim = attention.value_head_dim = sizes.head_dim;
    attention.scale = 1;
    attention.window = full ? 0 : config.integer_or("sliding_window", 512);
    attention.rotary = rotary_of(config, sizes.head_dim, spec.context, full);
    attention.qk_norm = Attention::QkNorm::PerHead;
    attention.qk_norm_spec = norm;
    attention.value_norm = bare;
    if (reuses) attention.kv_layer = kv_layer(config, types, i, first_shared);
    auto& mlp = std::get<Dense>(layer.mlp);
    mlp.activation = activation;
    mlp.up_bias = mlp.down_bias = false;
    if (reuses && config.flag_or("use_double_wide_mlp", false)) mlp.intermediate *= 2;
    if (own_dims > 0)
      layer.per_layer_input = PerLayerInput{.dims = own_dims,
                                            .embedding_scale = std::sqrt(static_cast<float>(own_dims)),
                                            .projection_scale = 1 / std::sqrt(static_cast<float>(spec.hidden)),
                                            .sum_scale = 1 / std::sqrt(2.0f),
                                            .activation = activation,
                                            .norm = norm};
  }
  return spec;
}

}  // namespace

const Family gemma4_family{.model_types = {"gemma4_text", "gemma4"},
                           .gguf_architecture = {},
                           .base_prefix = "model.",
                           .names = {{Role::Embedding, "model.embed_tokens"},
                                     {Role::PerLayerEmbedding, "model.embed_tokens_per_layer"},
                                     {Role::PerLayerProjection, "model.per_layer_model_projection"},
                                     {Role::PerLayerProjectionNorm, "model.per_layer_projection_norm"},
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
                                     {Role::PerLayerGate, "model.layers.{}.per_layer_input_gate"},
                                     {Role::PerLayerOut, "model.layers.{}.per_layer_projection"},
                                     {Role::PerLayerNorm, "model.layers.{}.post_per_layer_input_norm"},
                                     {Role::OutputScale, "model.layers.{}.layer_scalar", ""},
                                     {Role::FinalNorm, "model.norm"},
                                     {Role::Unembedding, "lm_head"}},
                           .describe = describe};

}  // namespace foretell
