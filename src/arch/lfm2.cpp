// LFM2 (Liquid AI, 2025): most layers mix tokens with a gated short convolution, some with attention. Defaults:
// transformers' Lfm2Config.
#include <algorithm>

#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

// The intermediate size that config.json names is that of an MLP without a gate: two thirds of it, times a factor, in
// whole multiples.
int64_t adjusted_intermediate(const ConfigReader& config) {
  const int64_t named = config.integer_or(config.has("block_ff_dim") ? "block_ff_dim" : "intermediate_size", 12288);
  if (!config.flag_or("block_auto_adjust_ff_dim", true)) return named;
  const double factor = config.number_or("block_ffn_dim_multiplier", 1);
  const auto size = static_cast<int64_t>(factor * static_cast<double>(2 * named / 3));
  const int64_t multiple = config.integer_or("block_multiple_of", 256);
  return (size + multiple - 1) / multiple * multiple;
}

std::vector<bool> attention_layers(const ConfigReader& config, int64_t layers) {
  const auto indices = config.integers("full_attn_idxs");
  return layers_of_type(config, layers, "full_attention", "conv", [&](int64_t layer) {
    return !config.has("full_attn_idxs") || std::find(indices.begin(), indices.end(), layer) != indices.end();
  });
}

ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 65536,
                                       .hidden = 2560,
                                       .intermediate = 12288,
                                       .kv_heads = 8,
                                       .context = 128000,
                                       .tied = config.flag_or("tie_embedding", true)});
  const NormSpec norm{.epsilon = static_cast<float>(config.number_or("norm_eps", 1e-5))};
  const ShortConvolution convolution{.kernel = config.integer_or("conv_L_cache", 3),
                                     .bias = config.flag_or("conv_bias", false)};
  const std::vector<bool> attends = attention_layers(config, static_cast<int64_t>(spec.layers.size()));
  for (size_t i = 0; i < spec.layers.size(); i++) {
    LayerSpec& layer = spec.layers[i];
    layer.attn_in = layer.mlp_in = norm;
    Attention& attention = *attention_of(layer);
    attention.rotary = read_rotary(config, attention.head_dim, spec.context, {.theta = 1e6});
    attention.qk_norm = Attention::QkNorm::PerHead;
    attention.qk_norm_spec = norm;
    attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias = false;
    layer.mlp = Dense{.intermediate = adjusted_intermediate(config)};
    if (!attends[i]) layer.mixer = convolution;
  }
  spec.final_norm = norm;
  return spec;
}

}  // namespace

const Family lfm2_family{.model_types = {"lfm2"},
                         .gguf_architecture = "lfm2",
                         .base_prefix = "model.",
                         .names = {{Role::Embedding, "model.embed_tokens"},
                                   {Role::AttentionNorm, "model.layers.{}.operator_norm"},
                                   {Role::ConvolutionIn, "model.layers.{}.conv.in_proj"},
                                   {Role::ConvolutionKernel, "model.layers.{}.conv.conv"},
                                   {Role::ConvolutionOut, "model.layers.{}.conv.out_proj"},
                                   {Role::Query, "model.layers.{}.self_attn.q_proj"},
                                   {Role::Key, "model.layers.{}.self_attn.k_proj"},
                                   {Role::Value, "model.layers.{}.self_attn.v_proj"},
                                   {Role::QueryNorm, "model.layers.{}.self_attn.q_layernorm"},
                                   {Role::KeyNorm, "model.layers.{}.self_attn.k_layernorm"},
                                   {Role::Output, "model.layers.{}.self_attn.out_proj"},
                                   {Role::MlpNorm, "model.layers.{}.ffn_norm"},
                                   {Role::Gate, "model.layers.{}.feed_forward.w1"},
                                   {Role::Up, "model.layers.{}.feed_forward.w3"},
                                   {Role::Down, "model.layers.{}.feed_forward.w2"},
                                   {Role::FinalNorm, "model.embedding_norm"},
                                   {Role::Unembedding, "lm_head"}},
                         .describe = describe};

}  // namespace foretell
