// GPT-NeoX (Black et al., arXiv:2204.06745; Pythia's shape too): attention and MLP side by side, each after a norm of
// its own, and part of each head turns. Defaults: transformers' GPTNeoXConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/gpt2.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = gpt_spec(config, {.vocabulary = config.integer_or("vocab_size", 50432),
                                     .hidden = config.integer_or("hidden_size", 6144),
                                     .context = config.integer_or("max_position_embeddings", 2048),
                                     .layers = config.integer_or("num_hidden_layers", 44),
                                     .heads = config.integer_or("num_attention_heads", 64),
                                     .intermediate = config.integer_or("intermediate_size", 24576),
                                     .epsilon = config.number_or("layer_norm_eps", 1e-5),
                                     .activation = read_activation(config, "hidden_act", "gelu"),
                                     .tied = false});
  spec.storage.qkv_by_group = true;
  const RotaryDefaults rotary{.theta = config.number_or("rotary_emb_base", 10000),
                              .partial = config.number_or("rotary_pct", 0.25)};
  const bool parallel = config.flag_or("use_parallel_residual", true), bias = config.flag_or("attention_bias", true);
  for_each_layer(spec, [&](LayerSpec& layer, Attention& attention, Dense&) {
    layer.residual = parallel ? LayerSpec::Residual::Parallel : LayerSpec::Residual::Sequential;
    attention.rotary = read_rotary(config, attention.head_dim, spec.context, rotary);
    attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias = bias;
  });
  return spec;
}

const Family gpt_neox_family{.model_types = {"gpt_neox"},
                             .gguf_architecture = "gptneox",
                             .base_prefix = "gpt_neox.",
                             .names = {{Role::Embedding, "gpt_neox.embed_in"},
                                       {Role::AttentionNorm, "gpt_neox.layers.{}.input_layernorm"},
                                       {Role::QueryKeyValue, "gpt_neox.layers.{}.attention.query_key_value"},
                                       {Role::Output, "gpt_neox.layers.{}.attention.dense"},
                                       {Role::MlpNorm, "gpt_neox.layers.{}.post_attention_layernorm"},
                                       {Role::Up, "gpt_neox.layers.{}.mlp.dense_h_to_4h"},
                                       {Role::Down, "gpt_neox.layers.{}.mlp.dense_4h_to_h"},
                                       {Role::FinalNorm, "gpt_neox.final_layer_norm"},
                                       {Role::Unembedding, "embed_out"}},
                             .describe = describe};

}  // namespace foretell
