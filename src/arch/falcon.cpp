// Falcon (Almazrouei et al., arXiv:2311.16867) in its three shapes: 7B's (one key and value for all heads, attention
// and MLP side by side after one norm), that of 40B and later ones ("new_decoder_architecture": groups of heads, two
// norms), and RW's (ALiBi, one after the other, biases). Defaults: transformers' FalconConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/gpt2.h"
#include "base/float16.h"

namespace foretell {
namespace {

// The reference rounds the slopes to bfloat16, and scales what ALiBi adds along with the scores.
std::vector<float> falcon_slopes(const Attention& attention) {
  std::vector<float> slopes = alibi_slopes(attention.heads);
  for (float& slope : slopes) slope = float_from_bf16(bf16_from_float(slope)) * attention.scale;
  return slopes;
}

ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = gpt_spec(config, {.vocabulary = config.integer_or("vocab_size", 65024),
                                     .hidden = config.integer_or(config.one_key({"n_embed", "hidden_size"}), 4544),
                                     .context = config.integer_or("max_position_embeddings", 2048),
                                     .layers = config.integer_or(config.one_key({"num_hidden_layers", "n_layer"}), 32),
                                     .heads = config.integer_or(config.one_key({"num_attention_heads", "n_head"}), 71),
                                     .intermediate = config.integer_or("ffn_hidden_size", 0),
                                     .epsilon = config.number_or("layer_norm_epsilon", 1e-5),
                                     .activation = read_activation(config, "activation", "gelu")});
  spec.storage.qkv_by_group = true;
  const bool grouped = config.flag_or("new_decoder_architecture", false);
  const bool parallel = config.flag_or("parallel_attn", true);
  if (grouped) config.only("parallel_attn", true);
  const int64_t norms = config.integer_or("num_ln_in_parallel_attn", grouped ? 2 : 1);
  if (parallel && (norms > 2 || (norms == 2 && !grouped)))
    throw config.error("num_ln_in_parallel_attn", "a value is out of range",
                       grouped ? "1 or 2" : "1, without new_decoder_architecture", std::to_string(norms));
  const bool multi_query = config.flag_or("multi_query", true), bias = config.flag_or("bias", false);
  const bool alibi = config.flag_or("alibi", false);
  for_each_layer(spec, [&](LayerSpec& layer, Attention& attention, Dense& mlp) {
    if (parallel) layer.residual = LayerSpec::Residual::Parallel;
    if (parallel && norms == 1) layer.mlp_in.reset();
    if (grouped) attention.kv_heads = config.integer_or("num_kv_heads", attention.heads);
    if (!grouped && multi_query) attention.kv_heads = 1;
    if (attention.heads % attention.kv_heads != 0)
      throw config.error("num_kv_heads", "the heads cannot be shared out evenly",
                         "a divisor of num_attention_heads = " + std::to_string(attention.heads),
                         std::to_string(attention.kv_heads));
    if (alibi) attention.alibi = falcon_slopes(attention);
    attention.alibi_rounded = alibi;
    if (!alibi) attention.rotary = read_rotary(config, attention.head_dim, spec.context);
    attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias = bias;
    mlp.up_bias = mlp.down_bias = bias;
  });
  return spec;
}

// The norms have names of their own where there are two.
bool two_norms(const ModelSpec& spec) {
  return spec.layers.front().residual == LayerSpec::Residual::Parallel && spec.layers.front().mlp_in;
}
bool not_two_norms(const ModelSpec& spec) { return !two_norms(spec); }

}  // namespace

const Family falcon_family{
    .model_types = {"falcon"},
    .gguf_architecture = "falcon",
    .base_prefix = "transformer.",
    .names = {{Role::Embedding, "transformer.word_embeddings"},
              {Role::AttentionNorm, "transformer.h.{}.ln_attn", ".weight", ".bias", two_norms},
              {Role::MlpNorm, "transformer.h.{}.ln_mlp", ".weight", ".bias", two_norms},
              {Role::AttentionNorm, "transformer.h.{}.input_layernorm", ".weight", ".bias", not_two_norms},
              {Role::QueryKeyValue, "transformer.h.{}.self_attention.query_key_value"},
              {Role::Output, "transformer.h.{}.self_attention.dense"},
              {Role::MlpNorm, "transformer.h.{}.post_attention_layernorm", ".weight", ".bias", not_two_norms},
              {Role::Up, "transformer.h.{}.mlp.dense_h_to_4h"},
              {Role::Down, "transformer.h.{}.mlp.dense_4h_to_h"},
              {Role::FinalNorm, "transformer.ln_f"},
              {Role::Unembedding, "lm_head"}},
    .describe = describe};

}  // namespace foretell
