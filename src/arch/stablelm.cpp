// StableLM (Bellagente et al., arXiv:2402.17834): Llama's shape with LayerNorms and heads of which a part turns;
// StableLM 2 12B has a norm of its own for each head, and attention and MLP side by side. Defaults: transformers'
// StableLmConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 50304,
                                       .hidden = 2560,
                                       .intermediate = 6912,
                                       .kv_heads = 32,
                                       .context = 4096,
                                       .partial_rotary = 0.25});
  NormSpec norm = read_layer_norm(config, "layer_norm_eps");
  set_norms(spec, norm);
  set_biases(spec, config.flag_or("use_qkv_bias", false), false, false);
  const bool qk_norm = config.flag_or("qk_layernorm", false);
  norm.bias = false;
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    if (qk_norm) attention.qk_norm = Attention::QkNorm::PerHeadOwn;
    attention.qk_norm_spec = norm;
  });
  if (config.flag_or("use_parallel_residual", false)) {
    for (LayerSpec& layer : spec.layers) {
      layer.residual = LayerSpec::Residual::Parallel;
      layer.mlp_in.reset();
    }
  }
  return spec;
}

const Family stablelm_family{.model_types = {"stablelm"},
                             .gguf_architecture = "stablelm",
                             .base_prefix = "model.",
                             .names = {{Role::Embedding, "model.embed_tokens"},
                                       {Role::AttentionNorm, "model.layers.{}.input_layernorm"},
                                       {Role::Query, "model.layers.{}.self_attn.q_proj"},
                                       {Role::Key, "model.layers.{}.self_attn.k_proj"},
                                       {Role::Value, "model.layers.{}.self_attn.v_proj"},
                                       {Role::QueryNorm, "model.layers.{}.self_attn.q_layernorm.norms.{e}"},
                                       {Role::KeyNorm, "model.layers.{}.self_attn.k_layernorm.norms.{e}"},
                                       {Role::Output, "model.layers.{}.self_attn.o_proj"},
                                       {Role::MlpNorm, "model.layers.{}.post_attention_layernorm"},
                                       {Role::Gate, "model.layers.{}.mlp.gate_proj"},
                                       {Role::Up, "model.layers.{}.mlp.up_proj"},
                                       {Role::Down, "model.layers.{}.mlp.down_proj"},
                                       {Role::FinalNorm, "model.norm"},
                                       {Role::Unembedding, "lm_head"}},
                             .describe = describe};

}  // namespace foretell
