// OPT (Zhang et al., arXiv:2205.01068): GPT-2's shape with ReLU, and learned positions that begin two rows later.
// OPT-350m has its norms after the additions, and smaller embeddings. Defaults: transformers' OPTConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/gpt2.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = gpt_spec(config, {.vocabulary = config.integer_or("vocab_size", 50272),
                                     .hidden = config.integer_or("hidden_size", 768),
                                     .context = config.integer_or("max_position_embeddings", 2048),
                                     .layers = config.integer_or("num_hidden_layers", 12),
                                     .heads = config.integer_or("num_attention_heads", 12),
                                     .intermediate = config.integer_or("ffn_dim", 3072),
                                     .activation = read_activation(config, "activation_function", "relu")});
  spec.positions = LearnedPositions{.count = spec.context, .offset = 2};
  const int64_t embedding_dim = config.integer_or("word_embed_proj_dim", spec.hidden);
  spec.embedding_dim = embedding_dim == spec.hidden ? 0 : embedding_dim;

  const bool before = config.flag_or("do_layer_norm_before", true), bias = config.flag_or("enable_bias", true);
  NormSpec norm = *spec.final_norm;
  norm.weight = norm.bias = config.flag_or("layer_norm_elementwise_affine", true);
  for_each_layer(spec, [&](LayerSpec& layer, Attention& attention, Dense& mlp) {
    layer.attn_in = layer.mlp_in = before ? std::optional(norm) : std::nullopt;
    layer.attn_sum = layer.mlp_sum = before ? std::nullopt : std::optional(norm);
    attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias = bias;
    mlp.up_bias = mlp.down_bias = bias;
  });
  spec.final_norm = norm;
  if (!before || config.flag_or("_remove_final_layer_norm", false)) spec.final_norm.reset();
  return spec;
}

const Family opt_family{.model_types = {"opt"},
                        .gguf_architecture = {},
                        .base_prefix = "model.",
                        .names = {{Role::Embedding, "model.decoder.embed_tokens"},
                                  {Role::Positions, "model.decoder.embed_positions"},
                                  {Role::ProjectIn, "model.decoder.project_in"},
                                  {Role::AttentionNorm, "model.decoder.layers.{}.self_attn_layer_norm"},
                                  {Role::Query, "model.decoder.layers.{}.self_attn.q_proj"},
                                  {Role::Key, "model.decoder.layers.{}.self_attn.k_proj"},
                                  {Role::Value, "model.decoder.layers.{}.self_attn.v_proj"},
                                  {Role::Output, "model.decoder.layers.{}.self_attn.out_proj"},
                                  {Role::AttentionSumNorm, "model.decoder.layers.{}.self_attn_layer_norm"},
                                  {Role::MlpNorm, "model.decoder.layers.{}.final_layer_norm"},
                                  {Role::Up, "model.decoder.layers.{}.fc1"},
                                  {Role::Down, "model.decoder.layers.{}.fc2"},
                                  {Role::MlpSumNorm, "model.decoder.layers.{}.final_layer_norm"},
                                  {Role::FinalNorm, "model.decoder.final_layer_norm"},
                                  {Role::ProjectOut, "model.decoder.project_out"},
                                  {Role::Unembedding, "lm_head"}},
                        .describe = describe};

}  // namespace foretell
