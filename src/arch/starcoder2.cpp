// StarCoder2 (Lozhkov et al., arXiv:2402.19173): Llama's shape with LayerNorms, biases, and one matrix into the MLP.
// Defaults: transformers' Starcoder2Config.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 49152,
                                       .hidden = 3072,
                                       .intermediate = 12288,
                                       .layers = 30,
                                       .heads = 24,
                                       .kv_heads = 2,
                                       .context = 4096,
                                       .tied = true,
                                       .activation = "gelu_pytorch_tanh",
                                       .gated = false});
  set_norms(spec, read_layer_norm(config, "norm_epsilon"));
  const bool bias = config.flag_or("use_bias", true);
  set_biases(spec, bias, bias, bias);
  const int64_t window = config.integer_or("sliding_window", 0);
  for_each_attention(spec, [&](Attention& attention, int64_t) { attention.window = window; });
  return spec;
}

const Family starcoder2_family{.model_types = {"starcoder2"},
                               .gguf_architecture = "starcoder2",
                               .base_prefix = "model.",
                               .names = {{Role::Embedding, "model.embed_tokens"},
                                         {Role::AttentionNorm, "model.layers.{}.input_layernorm"},
                                         {Role::Query, "model.layers.{}.self_attn.q_proj"},
                                         {Role::Key, "model.layers.{}.self_attn.k_proj"},
                                         {Role::Value, "model.layers.{}.self_attn.v_proj"},
                                         {Role::Output, "model.layers.{}.self_attn.o_proj"},
                                         {Role::MlpNorm, "model.layers.{}.post_attention_layernorm"},
                                         {Role::Up, "model.layers.{}.mlp.c_fc"},
                                         {Role::Down, "model.layers.{}.mlp.c_proj"},
                                         {Role::FinalNorm, "model.norm"},
                                         {Role::Unembedding, "lm_head"}},
                               .describe = describe};

}  // namespace foretell
