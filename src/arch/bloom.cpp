// BLOOM (BigScience, arXiv:2211.05100): GPT-2's shape with ALiBi in place of positions, and a norm of the embedding.
// Defaults: transformers' BloomConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/gpt2.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec =
      gpt_spec(config, {.vocabulary = config.integer_or("vocab_size", 250880),
                        .hidden = config.integer_or(config.one_key({"n_embed", "hidden_size"}), 64),
                        .context = config.integer_or("seq_length", 2048),  // trained on; ALiBi knows no end
                        .layers = config.integer_or(config.one_key({"n_layer", "num_hidden_layers"}), 2),
                        .heads = config.integer_or(config.one_key({"n_head", "num_attention_heads"}), 8),
                        .epsilon = config.number_or("layer_norm_epsilon", 1e-5),
                        .activation = Activation::GeluTanh});
  spec.embedding_norm = spec.final_norm;
  spec.storage.qkv_by_group = true;
  const bool from_norm = config.flag_or("apply_residual_connection_post_layernorm", false);
  for_each_layer(spec, [&](LayerSpec& layer, Attention& attention, Dense&) {
    layer.residual_from_norm = from_norm;
    attention.alibi = alibi_slopes(attention.heads);
  });
  return spec;
}

const Family bloom_family{.model_types = {"bloom"},
                          .gguf_architecture = "bloom",
                          .base_prefix = "transformer.",
                          .names = {{Role::Embedding, "transformer.word_embeddings"},
                                    {Role::EmbeddingNorm, "transformer.word_embeddings_layernorm"},
                                    {Role::AttentionNorm, "transformer.h.{}.input_layernorm"},
                                    {Role::QueryKeyValue, "transformer.h.{}.self_attention.query_key_value"},
                                    {Role::Output, "transformer.h.{}.self_attention.dense"},
                                    {Role::MlpNorm, "transformer.h.{}.post_attention_layernorm"},
                                    {Role::Up, "transformer.h.{}.mlp.dense_h_to_4h"},
                                    {Role::Down, "transformer.h.{}.mlp.dense_4h_to_h"},
                                    {Role::FinalNorm, "transformer.ln_f"},
                                    {Role::Unembedding, "lm_head"}},
                          .describe = describe};

}  // namespace foretell
