// Phi-3 (Abdin et al., arXiv:2404.14219) and Phi-4: Llama's shape with one matrix for query, key and value and one for
// gate and up; LongRoPE. Defaults: transformers' Phi3Config.
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 32064,
                                       .hidden = 3072,
                                       .intermediate = 8192,
                                       .context = 4096,
                                       .epsilon = 1e-5,
                                       .partial_rotary = 1,
                                       .original_context = 4096,
                                       .attention_bias = false,
                                       .mlp_bias = false});
  const int64_t window = config.integer_or("sliding_window", 0);
  for_each_attention(spec, [&](Attention& attention, int64_t) { attention.window = window; });
  return spec;
}

const Family phi3_family{.model_types = {"phi3"},
                         .gguf_architecture = "phi3",
                         .base_prefix = "model.",
                         .names = {{Role::Embedding, "model.embed_tokens"},
                                   {Role::AttentionNorm, "model.layers.{}.input_layernorm"},
                                   {Role::QueryKeyValue, "model.layers.{}.self_attn.qkv_proj"},
                                   {Role::Output, "model.layers.{}.self_attn.o_proj"},
                                   {Role::MlpNorm, "model.layers.{}.post_attention_layernorm"},
                                   {Role::GateUp, "model.layers.{}.mlp.gate_up_proj"},
                                   {Role::Down, "model.layers.{}.mlp.down_proj"},
                                   {Role::FinalNorm, "model.norm"},
                                   {Role::Unembedding, "lm_head"}},
                         .describe = describe};

}  // namespace foretell
