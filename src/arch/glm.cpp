// GLM-4 (arXiv:2406.12793): Llama's shape with neighbouring dimensions of half of each head that turn, biases on query,
// key and value, and one matrix for gate and up. GLM-4-0414 ("glm4") also norms what attention and MLP add. Defaults:
// transformers' GlmConfig and Glm4Config.
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

ModelSpec describe_glm(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 151552,
                                       .hidden = 4096,
                                       .intermediate = 13696,
                                       .layers = 40,
                                       .kv_heads = 2,
                                       .head_dim = 128,
                                       .context = 131072,
                                       .epsilon = 1.5625e-7,
                                       .partial_rotary = 0.5});
  set_biases(spec, config.flag_or("attention_bias", true), false, false);
  for_each_attention(spec,
                     [](Attention& attention, int64_t) { attention.rotary->pairing = Rotary::Pairing::Interleaved; });
  return spec;
}

ModelSpec describe_glm4(const ConfigReader& config) {
  ModelSpec spec = describe_glm(config);
  for (LayerSpec& layer : spec.layers) layer.attn_out = layer.mlp_out = spec.final_norm;
  return spec;
}

const std::vector<RoleName>& names() {
  static const std::vector<RoleName> names = {
      {Role::Embedding, "model.embed_tokens"},
      {Role::AttentionNorm, "model.layers.{}.input_layernorm"},
      {Role::Query, "model.layers.{}.self_attn.q_proj"},
      {Role::Key, "model.layers.{}.self_attn.k_proj"},
      {Role::Value, "model.layers.{}.self_attn.v_proj"},
      {Role::Output, "model.layers.{}.self_attn.o_proj"},
      {Role::AttentionOutNorm, "model.layers.{}.post_self_attn_layernorm"},
      {Role::MlpNorm, "model.layers.{}.post_attention_layernorm"},
      {Role::GateUp, "model.layers.{}.mlp.gate_up_proj"},
      {Role::Down, "model.layers.{}.mlp.down_proj"},
      {Role::MlpOutNorm, "model.layers.{}.post_mlp_layernorm"},
      {Role::FinalNorm, "model.norm"},
      {Role::Unembedding, "lm_head"},
  };
  return names;
}

}  // namespace

const Family glm_family{.model_types = {"glm"},
                        .gguf_architecture = "chatglm",
                        .base_prefix = "model.",
                        .names = names(),
                        .describe = describe_glm};
const Family glm4_family{.model_types = {"glm4"},
                         .gguf_architecture = "glm4",
                         .base_prefix = "model.",
                         .names = names(),
                         .describe = describe_glm4};

}  // namespace foretell
