// GPT-J (Wang and Komatsuzaki, 2021): attention and MLP side by side after one norm, and the first to turn neighbouring
// dimensions of part of each head. Defaults: transformers' GPTJConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/gpt2.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec =
      gpt_spec(config, {.vocabulary = config.integer_or("vocab_size", 50400),
                        .hidden = config.integer_or(config.one_key({"n_embd", "hidden_size"}), 4096),
                        .context = config.integer_or(config.one_key({"n_positions", "max_position_embeddings"}), 2048),
                        .layers = config.integer_or(config.one_key({"n_layer", "num_hidden_layers"}), 28),
                        .heads = config.integer_or(config.one_key({"n_head", "num_attention_heads"}), 16),
                        .intermediate = config.integer_or("n_inner", 0),
                        .epsilon = config.number_or("layer_norm_epsilon", 1e-5),
                        .activation = read_activation(config, "activation_function", "gelu_new"),
                        .tied = false});
  spec.unembedding_bias = true;
  const Rotary rotary{.pairing = Rotary::Pairing::Interleaved, .dims = config.integer_or("rotary_dim", 64, 2)};
  for_each_layer(spec, [&](LayerSpec& layer, Attention& attention, Dense&) {
    if (rotary.dims > attention.head_dim || rotary.dims % 2 != 0)
      throw config.error("rotary_dim", "rotary dimensions come in pairs",
                         "an even number up to " + std::to_string(attention.head_dim), std::to_string(rotary.dims));
    layer.residual = LayerSpec::Residual::Parallel;
    layer.mlp_in.reset();
    attention.rotary = rotary;
    attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias = false;
  });
  return spec;
}

const Family gptj_family{.model_types = {"gptj"},
                         .gguf_architecture = {},
                         .base_prefix = "transformer.",
                         .names = {{Role::Embedding, "transformer.wte"},
                                   {Role::AttentionNorm, "transformer.h.{}.ln_1"},
                                   {Role::Query, "transformer.h.{}.attn.q_proj"},
                                   {Role::Key, "transformer.h.{}.attn.k_proj"},
                                   {Role::Value, "transformer.h.{}.attn.v_proj"},
                                   {Role::Output, "transformer.h.{}.attn.out_proj"},
                                   {Role::Up, "transformer.h.{}.mlp.fc_in"},
                                   {Role::Down, "transformer.h.{}.mlp.fc_out"},
                                   {Role::FinalNorm, "transformer.ln_f"},
                                   {Role::Unembedding, "lm_head"}},
                         .describe = describe};

}  // namespace foretell
