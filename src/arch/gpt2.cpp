// GPT-2 (Radford et al., 2019) and, in its shape, GPT-3 (Brown et al., arXiv:2005.14165). Defaults: transformers'
// GPT2Config.
#include <cmath>

#include "arch/common.h"
#include "arch/families.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  config.only("add_cross_attention", false);
  ModelSpec spec;
  spec.architecture = config.text("model_type");
  spec.vocabulary = config.integer_or("vocab_size", 50257);
  spec.hidden = config.integer_or("n_embd", 768);
  spec.context = config.integer_or("n_positions", 1024);
  spec.positions = LearnedPositions{.count = spec.context};
  spec.tied_embeddings = config.flag_or("tie_word_embeddings", true);

  const NormSpec norm{.kind = NormSpec::Kind::Layer,
                      .epsilon = static_cast<float>(config.number_or("layer_norm_epsilon", 1e-5)),
                      .bias = true};
  Attention attention;
  attention.heads = attention.kv_heads = config.integer_or("n_head", 12);
  if (spec.hidden % attention.heads != 0)
    throw config.error("n_head", "the heads cannot be shared out evenly",
                       "a divisor of n_embd = " + std::to_string(spec.hidden), std::to_string(attention.heads));
  attention.head_dim = attention.value_head_dim = spec.hidden / attention.heads;
  const bool scaled = config.flag_or("scale_attn_weights", true);
  const double scale = scaled ? 1 / std::sqrt(static_cast<double>(attention.head_dim)) : 1;
  attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias = true;

  Dense mlp;
  mlp.intermediate = config.integer_or("n_inner", 4 * spec.hidden);
  mlp.activation = read_activation(config, "activation_function", "gelu_new");
  mlp.gated = false;
  mlp.up_bias = mlp.down_bias = true;

  const bool by_layer = config.flag_or("scale_attn_by_inverse_layer_idx", false);
  const int64_t layers = config.integer_or("n_layer", 12);
  for (int64_t i = 0; i < layers; i++) {
    attention.scale = static_cast<float>(by_layer ? scale / static_cast<double>(i + 1) : scale);
    spec.layers.push_back({.attn_in = norm, .mlp_in = norm, .mixer = attention, .mlp = mlp});
  }
  spec.final_norm = norm;
  return spec;
}

const Family gpt2_family{.model_types = {"gpt2"},
                         .gguf_architecture = "gpt2",
                         .base_prefix = "transformer.",
                         .names = {{Role::Embedding, "transformer.wte"},
                                   {Role::Positions, "transformer.wpe"},
                                   {Role::AttentionNorm, "transformer.h.{}.ln_1"},
                                   {Role::QueryKeyValue, "transformer.h.{}.attn.c_attn"},
                                   {Role::Output, "transformer.h.{}.attn.c_proj"},
                                   {Role::MlpNorm, "transformer.h.{}.ln_2"},
                                   {Role::Up, "transformer.h.{}.mlp.c_fc"},
                                   {Role::Down, "transformer.h.{}.mlp.c_proj"},
                                   {Role::FinalNorm, "transformer.ln_f"},
                                   {Role::Unembedding, "lm_head"}},
                         .describe = describe,
                         .conv1d = true};

}  // namespace foretell
