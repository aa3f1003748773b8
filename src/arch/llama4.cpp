// Llama 4 (Meta, 2025): layers that turn queries and keys and see only their own chunk of the text, and layers that do
// neither, whose queries grow with their position instead (Nakanishi, arXiv:2501.19399); experts whose weight
// multiplies their input. Defaults: transformers' Llama4TextConfig.
#include <algorithm>

#include "arch/common.h"
#include "arch/experts.h"
#include "arch/families.h"

namespace foretell {
namespace {

// One number for each layer: whether it turns its queries and keys, 1 or 0.
std::vector<int64_t> turning_layers(const ConfigReader& config, size_t layers) {
  auto turning = config.integers("no_rope_layers");
  const int64_t interval = config.integer_or("no_rope_layer_interval", 4);
  if (turning.empty())
    for (size_t i = 0; i < layers; i++) turning.push_back((static_cast<int64_t>(i) + 1) % interval != 0);
  if (turning.size() < layers)
    throw config.error("no_rope_layers", "a list has another length", std::to_string(layers),
                       std::to_string(turning.size()));
  return turning;
}

ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 202048,
                                       .hidden = 5120,
                                       .intermediate = 8192,
                                       .layers = 48,
                                       .heads = 40,
                                       .kv_heads = 8,
                                       .head_dim = 128,
                                       .context = 131072,
                                       .epsilon = 1e-5,
                                       .theta = 500000,
                                       .mlp_bias = false});
  const size_t layers = spec.layers.size();
  const auto turning = turning_layers(config, layers);
  const auto chunked = layers_of_type(config, static_cast<int64_t>(layers), "chunked_attention", "full_attention",
                                      [&](int64_t layer) { return turning[static_cast<size_t>(layer)] != 0; });
  NormSpec qk_norm = *spec.final_norm;
  qk_norm.weight = false;
  for_each_attention(spec, [&](Attention& attention, int64_t layer) {
    const auto i = static_cast<size_t>(layer);
    if (chunked[i]) attention.chunk = config.integer_or("attention_chunk_size", 8192);
    attention.rotary->pairing = Rotary::Pairing::Interleaved;
    attention.qk_norm_after_rotary = true;
    attention.qk_norm_spec = qk_norm;
    if (turning[i] != 0) {
      if (config.flag_or("use_qk_norm", true)) attention.qk_norm = Attention::QkNorm::PerHead;
      return;
    }
    attention.rotary.reset();
    if (config.flag_or("attn_temperature_tuning", true))
      attention.query_growth = {.floor_scale = config.number_or("floor_scale", 8192),
                                .scale = config.number_or("attn_scale", 0.1)};
  });

  const Dense expert = std::get<Dense>(spec.layers.front().mlp);
  for (LayerSpec& layer : spec.layers)
    std::get<Dense>(layer.mlp).intermediate = config.integer_or("intermediate_size_mlp", 16384);
  const Experts experts{.count = config.integer_or("num_local_experts", 16),
                        .chosen = config.integer_or("num_experts_per_tok", 1),
                        .expert = expert,
                        .score = Experts::Score::Sigmoid,
                        .scales_inputs = true,
                        .shared = expert};
  const auto sparse = config.integers("moe_layers");
  const int64_t step = config.integer_or("interleave_moe_layer_step", 1);
  use_experts(spec, config, experts, [&](int64_t layer) {
    if (!config.has("moe_layers")) return (layer + 1) % step == 0;
    return std::find(sparse.begin(), sparse.end(), layer) != sparse.end();
  });
  spec.storage.experts_transposed = true;
  return spec;
}

}  // namespace

const Family llama4_family{.model_types = {"llama4_text", "llama4"},
                           .gguf_architecture = "llama4",
                           .base_prefix = "model.",
                           .names = {{Role::Embedding, "model.embed_tokens"},
                                     {Role::AttentionNorm, "model.layers.{}.input_layernorm"},
                                     {Role::Query, "model.layers.{}.self_attn.q_proj"},
                                     {Role::Key, "model.layers.{}.self_attn.k_proj"},
                                     {Role::Value, "model.layers.{}.self_attn.v_proj"},
                                     {Role::Output, "model.layers.{}.self_attn.o_proj"},
                                     {Role::MlpNorm, "model.layers.{}.post_attention_layernorm"},
                                     {Role::Gate, "model.layers.{}.feed_forward.gate_proj"},
                                     {Role::Up, "model.layers.{}.feed_forward.up_proj"},
                                     {Role::Down, "model.layers.{}.feed_forward.down_proj"},
                                     {Role::Router, "model.layers.{}.feed_forward.router"},
                                     {Role::ExpertGateUp, "model.layers.{}.feed_forward.experts.gate_up_proj", ""},
                                     {Role::ExpertDown, "model.layers.{}.feed_forward.experts.down_proj", ""},
                                     {Role::SharedGate, "model.layers.{}.feed_forward.shared_expert.gate_proj"},
                                     {Role::SharedUp, "model.layers.{}.feed_forward.shared_expert.up_proj"},
                                     {Role::SharedDown, "model.layers.{}.feed_forward.shared_expert.down_proj"},
                                     {Role::FinalNorm, "model.norm"},
                                     {Role::Unembedding, "lm_head"}},
                           .describe = describe};

}  // namespace foretell
