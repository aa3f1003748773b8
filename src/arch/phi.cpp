// Phi-1 and Phi-2 (Gunasekar et al., arXiv:2306.11644): attention and MLP side by side after one norm, and part of each
// head turns. Defaults: transformers' PhiConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 51200,
                                       .hidden = 2048,
                                       .intermediate = 8192,
                                       .layers = 24,
                                       .partial_rotary = 0.5,
                                       .activation = "gelu_new",
                                       .gated = false});
  const NormSpec norm = read_layer_norm(config, "layer_norm_eps");
  set_norms(spec, norm);
  set_biases(spec, true, true, true);
  spec.unembedding_bias = true;
  const bool qk_norm = config.flag_or("qk_layernorm", false);
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    if (qk_norm) attention.qk_norm = Attention::QkNorm::PerHead;
    attention.qk_norm_spec = norm;
  });
  for (LayerSpec& layer : spec.layers) {
    layer.residual = LayerSpec::Residual::Parallel;
    layer.mlp_in.reset();
  }
  return spec;
}

const Family phi_family{.model_types = {"phi"},
                        .gguf_architecture = "phi2",
                        .base_prefix = "model.",
                        .names = {{Role::Embedding, "model.embed_tokens"},
                                  {Role::AttentionNorm, "model.layers.{}.input_layernorm"},
                                  {Role::Query, "model.layers.{}.self_attn.q_proj"},
                                  {Role::Key, "model.layers.{}.self_attn.k_proj"},
                                  {Role::Value, "model.layers.{}.self_attn.v_proj"},
                                  {Role::QueryNorm, "model.layers.{}.self_attn.q_layernorm"},
                                  {Role::KeyNorm, "model.layers.{}.self_attn.k_layernorm"},
                                  {Role::Output, "model.layers.{}.self_attn.dense"},
                                  {Role::Up, "model.layers.{}.mlp.fc1"},
                                  {Role::Down, "model.layers.{}.mlp.fc2"},
                                  {Role::FinalNorm, "model.final_layernorm"},
                                  {Role::Unembedding, "lm_head"}},
                        .describe = describe};

}  // namespace foretell
