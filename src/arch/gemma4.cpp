// Gemma 4 (Google, 2026): as Gemma 3, but every layer also mixes in an embedding of the token that is its own, the last
// layers read the keys and values of earlier ones, layers that see all have larger heads of which a quarter turns, and
// values are normed, too. Defaults: transformers' Gemma4TextConfig.
#include <cmath>

#include "arch/common.h"
#include "arch/families.h"
#include "arch/gemma.h"
#include "arch/llama.h"

namespace foretell {
namespace {

// What one layer has of its own: "per_layer_config", or the keys for the layers that see all.
struct HeadSizes {
  int64_t kv_heads, head_dim;
};
HeadSizes head_sizes(const ConfigReader& config, const Attention& attention, size_t layer, bool full,
                     bool value_is_key) {
  HeadSizes sizes{attention.kv_heads, attention.head_dim};
  if (config.mentions("per_layer_config")) {  // be it null
    const auto all = config.object("per_layer_config");
    const auto own = all ? all->object(std::to_string(layer)) : std::nullopt;
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

// Beside the dense MLP, and as wide as they like.
Experts read_experts(const ConfigReader& config, const Dense& mlp, const NormSpec& norm, int64_t hidden) {
  Experts experts{.count = config.integer("num_experts"),
                  .chosen = config.integer("top_k_experts"),
                  .expert = mlp,
                  .normalize = true,
                  .expert_scales = true,
                  .shared = mlp};
  if (experts.chosen > experts.count)
    throw config.error("top_k_experts", "more experts than there are to choose from",
                       "at most " + std::to_string(experts.count), std::to_string(experts.chosen));
  experts.expert.intermediate = config.integer("moe_intermediate_size");
  experts.branches = {.router_in = norm,
                      .expert_in = norm,
                      .shared_out = norm,
                      .expert_out = norm,
                      .router_scale = 1 / std::sqrt(static_cast<float>(hidden))};
  return experts;
}

// The last layer before `first` of the same type.
int64_t kv_layer(const ConfigReader& config, const std::vector<bool>& full, size_t layer, size_t first) {
  for (size_t i = first; i-- > 0;)
    if (full[i] == full[layer]) return static_cast<int64_t>(i);
  throw config.error(
      "num_kv_shared_layers", "no earlier layer has the keys and values of a type of layers",
      full[layer] ? "one of full_attention before the last ones" : "one of sliding_attention before the last ones",
      std::to_string(full.size() - first));
}

ModelSpec describe(const ConfigReader& config) {
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
  auto sees_all = layers_of_type(config, static_cast<int64_t>(layers), "full_attention", "sliding_attention",
                                 [](int64_t layer) { return (layer + 1) % 6 == 0; });
  sees_all.back() = true;  // as the reference has it
  for (size_t i = 0; i < layers; i++) {
    LayerSpec& layer = spec.layers[i];
    const bool full = sees_all[i], reuses = i >= first_shared;
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
    if (reuses) attention.kv_layer = kv_layer(config, sees_all, i, first_shared);
    auto& mlp = std::get<Dense>(layer.mlp);
    mlp.activation = activation;
    mlp.up_bias = mlp.down_bias = false;
    if (reuses && config.flag_or("use_double_wide_mlp", false)) mlp.intermediate *= 2;
    if (config.flag_or("enable_moe_block", false)) layer.mlp = read_experts(config, Dense(mlp), norm, spec.hidden);
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

std::vector<RoleName> names() {
  auto names = with_layer_names(gemma2_names(), {{Role::SharedGate, "model.layers.{}.mlp.gate_proj"},
                                                 {Role::SharedUp, "model.layers.{}.mlp.up_proj"},
                                                 {Role::SharedDown, "model.layers.{}.mlp.down_proj"},
                                                 {Role::SharedOutNorm, "model.layers.{}.post_feedforward_layernorm_1"},
                                                 {Role::RouterNorm, "model.layers.{}.router.scale", ""},
                                                 {Role::Router, "model.layers.{}.router.proj"},
                                                 {Role::ExpertScales, "model.layers.{}.router.per_expert_scale", ""},
                                                 {Role::ExpertNorm, "model.layers.{}.pre_feedforward_layernorm_2"},
                                                 {Role::ExpertGateUp, "model.layers.{}.experts.gate_up_proj", ""},
                                                 {Role::ExpertDown, "model.layers.{}.experts.down_proj", ""},
                                                 {Role::ExpertOutNorm, "model.layers.{}.post_feedforward_layernorm_2"},
                                                 {Role::PerLayerGate, "model.layers.{}.per_layer_input_gate"},
                                                 {Role::PerLayerOut, "model.layers.{}.per_layer_projection"},
                                                 {Role::PerLayerNorm, "model.layers.{}.post_per_layer_input_norm"},
                                                 {Role::OutputScale, "model.layers.{}.layer_scalar", ""}});
  names.insert(names.begin() + 1, {{Role::PerLayerEmbedding, "model.embed_tokens_per_layer"},
                                   {Role::PerLayerProjection, "model.per_layer_model_projection"},
                                   {Role::PerLayerProjectionNorm, "model.per_layer_projection_norm"}});
  return names;
}

}  // namespace

const Family gemma4_family{.model_types = {"gemma4_text", "gemma4"},
                           .gguf_architecture = "gemma4",
                           .base_prefix = "model.",
                           .names = names(),
                           .describe = describe};

}  // namespace foretell
