// Llama (Touvron et al., arXiv:2302.13971) and what shares its shape. Defaults: transformers' LlamaConfig.
#include "arch/llama.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "arch/common.h"
#include "arch/families.h"

namespace foretell {

ModelSpec llama_spec(const ConfigReader& config, const LlamaDefaults& defaults) {
  ModelSpec spec;
  spec.architecture = config.text("model_type");
  spec.vocabulary = config.integer_or("vocab_size", defaults.vocabulary);
  spec.hidden = config.integer_or("hidden_size", defaults.hidden);
  spec.context = config.integer_or("max_position_embeddings", defaults.context);
  spec.tied_embeddings = config.flag_or("tie_word_embeddings", defaults.tied);

  const NormSpec norm{.epsilon = read_layer_norm(config, "rms_norm_eps", defaults.epsilon).epsilon};
  Attention attention;
  attention.heads = config.integer_or("num_attention_heads", defaults.heads);
  // A null stands for as many as there are heads; an absent key for the class's own number.
  attention.kv_heads = config.integer_or(
      "num_key_value_heads",
      config.mentions("num_key_value_heads") || defaults.kv_heads == 0 ? attention.heads : defaults.kv_heads);
  if (attention.heads % attention.kv_heads != 0)
    throw config.error("num_key_value_heads", "the heads cannot be shared out evenly",
                       "a divisor of num_attention_heads = " + std::to_string(attention.heads),
                       std::to_string(attention.kv_heads));
  attention.head_dim = config.integer_or("head_dim", config.mentions("head_dim") || defaults.head_dim == 0
                                                         ? spec.hidden / attention.heads
                                                         : defaults.head_dim);
  attention.value_head_dim = attention.head_dim;
  attention.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(attention.head_dim)));
  attention.rotary = read_rotary(config, attention.head_dim, spec.context,
                                 {.theta = defaults.theta,
                                  .partial = defaults.partial_rotary,
                                  .original_context = defaults.original_context,
                                  .layer_type = "full_attention"});
  attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias =
      defaults.attention_bias && config.flag_or("attention_bias", false);

  Dense mlp;
  mlp.intermediate = config.integer_or("intermediate_size", defaults.intermediate);
  mlp.activation = read_activation(config, "hidden_act", defaults.activation);
  mlp.gated = defaults.gated;
  mlp.up_bias = mlp.down_bias = defaults.mlp_bias && config.flag_or("mlp_bias", false);

  const LayerSpec layer{.attn_in = norm, .mlp_in = norm, .mixer = attention, .mlp = mlp};
  const int64_t layers = config.integer_or("num_hidden_layers", defaults.layers);
  constexpr int64_t most = 100'000;  // far beyond any model
  if (layers > most)
    throw config.error("num_hidden_layers", "a value is out of range", "at most " + std::to_string(most),
                       std::to_string(layers));
  spec.layers.assign(static_cast<size_t>(layers), layer);
  spec.final_norm = norm;
  return spec;
}

void set_norms(ModelSpec& spec, const NormSpec& norm) {
  for (LayerSpec& layer : spec.layers) {
    if (layer.attn_in) layer.attn_in = norm;
    if (layer.mlp_in) layer.mlp_in = norm;
  }
  if (spec.final_norm) spec.final_norm = norm;
}

void use_output_norms(ModelSpec& spec) {
  for (LayerSpec& layer : spec.layers) {
    layer.attn_out = std::exchange(layer.attn_in, std::nullopt);
    layer.mlp_out = std::exchange(layer.mlp_in, std::nullopt);
  }
}

void set_biases(ModelSpec& spec, bool query_key_value, bool output, bool mlp) {
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.query_bias = attention.key_bias = attention.value_bias = query_key_value;
    attention.output_bias = output;
  });
  for (LayerSpec& layer : spec.layers)
    if (auto* dense = std::get_if<Dense>(&layer.mlp)) dense->up_bias = dense->down_bias = mlp;
}

void for_each_attention(ModelSpec& spec, const std::function<void(Attention&, int64_t layer)>& change) {
  for (size_t i = 0; i < spec.layers.size(); i++) {
    if (auto* attention = std::get_if<Attention>(&spec.layers[i].mixer)) change(*attention, static_cast<int64_t>(i));
  }
}

void norm_queries_and_keys(ModelSpec& spec) {
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.qk_norm = Attention::QkNorm::PerHead;
    attention.qk_norm_spec = *spec.final_norm;
  });
}

const std::vector<RoleName>& llama_names() {
  static const std::vector<RoleName> names = {
      {Role::Embedding, "model.embed_tokens"},
      {Role::AttentionNorm, "model.layers.{}.input_layernorm"},
      {Role::Query, "model.layers.{}.self_attn.q_proj"},
      {Role::Key, "model.layers.{}.self_attn.k_proj"},
      {Role::Value, "model.layers.{}.self_attn.v_proj"},
      {Role::QueryNorm, "model.layers.{}.self_attn.q_norm"},
      {Role::KeyNorm, "model.layers.{}.self_attn.k_norm"},
      {Role::Output, "model.layers.{}.self_attn.o_proj"},
      {Role::MlpNorm, "model.layers.{}.post_attention_layernorm"},
      {Role::Gate, "model.layers.{}.mlp.gate_proj"},
      {Role::Up, "model.layers.{}.mlp.up_proj"},
      {Role::Down, "model.layers.{}.mlp.down_proj"},
      {Role::FinalNorm, "model.norm"},
      {Role::Unembedding, "lm_head"},
  };
  return names;
}

std::vector<RoleName> with_layer_names(std::vector<RoleName> names, const std::vector<RoleName>& more) {
  const auto end =
      std::find_if(names.begin(), names.end(), [](const RoleName& n) { return n.role == Role::FinalNorm; });
  names.insert(end, more.begin(), more.end());
  return names;
}

std::vector<RoleName> llama_names_and(const std::vector<RoleName>& more) {
  return with_layer_names(llama_names(), more);
}

const std::vector<RoleName>& output_norm_names() {
  static const std::vector<RoleName> names = [] {
    auto changed = llama_names_and({{Role::MlpOutNorm, "model.layers.{}.post_feedforward_layernorm"}});
    std::erase_if(changed, [](const RoleName& n) { return n.role == Role::AttentionNorm; });
    for (RoleName& n : changed)
      if (n.role == Role::MlpNorm) n.role = Role::AttentionOutNorm;
    return changed;
  }();
  return names;
}

const Family llama_family{.model_types = {"llama"},
                          .gguf_architecture = "llama",
                          .base_prefix = "model.",
                          .names = llama_names(),
                          .describe = [](const ConfigReader& config) { return llama_spec(config, {}); }};

}  // namespace foretell
