// GPT-2 (Radford et al., 2019) and, in its shape, GPT-3 (Brown et al., arXiv:2005.14165); GPT-BigCode (SantaCoder, Li
// et al., arXiv:2301.03988), whose heads share one key and one value. Defaults: transformers' GPT2Config and
// GPTBigCodeConfig.
#include "arch/gpt2.h"

#include <cmath>

#include "arch/common.h"
#include "arch/families.h"

namespace foretell {

ModelSpec gpt_spec(const ConfigReader& config, const GptShape& shape) {
  ModelSpec spec;
  spec.architecture = config.text("model_type");
  spec.vocabulary = shape.vocabulary;
  spec.hidden = shape.hidden;
  spec.context = shape.context;
  spec.tied_embeddings = config.flag_or("tie_word_embeddings", shape.tied);
  if (shape.hidden % shape.heads != 0)
    throw config.error(config.one_key({"num_attention_heads", "n_head", "num_heads", "n_heads"}),
                       "the heads cannot be shared out evenly",
                       "a divisor of the hidden size, " + std::to_string(shape.hidden), std::to_string(shape.heads));
  Attention attention;
  attention.heads = attention.kv_heads = shape.heads;
  attention.head_dim = attention.value_head_dim = shape.hidden / shape.heads;
  attention.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(attention.head_dim)));
  attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias = true;
  const Dense mlp{.intermediate = shape.intermediate > 0 ? shape.intermediate : 4 * shape.hidden,
                  .activation = shape.activation,
                  .gated = false,
                  .up_bias = true,
                  .down_bias = true};
  const NormSpec norm{.kind = NormSpec::Kind::Layer, .epsilon = static_cast<float>(shape.epsilon), .bias = true};
  spec.layers.assign(static_cast<size_t>(shape.layers),
                     {.attn_in = norm, .mlp_in = norm, .mixer = attention, .mlp = mlp});
  spec.final_norm = norm;
  return spec;
}

void for_each_layer(ModelSpec& spec, const std::function<void(LayerSpec&, Attention&, Dense&)>& change) {
  for (LayerSpec& layer : spec.layers) change(layer, std::get<Attention>(layer.mixer), std::get<Dense>(layer.mlp));
}

namespace {

ModelSpec gpt2_spec(const ConfigReader& config, std::string_view activation) {
  config.only("add_cross_attention", false);
  ModelSpec spec =
      gpt_spec(config, {.vocabulary = config.integer_or("vocab_size", 50257),
                        .hidden = config.integer_or(config.one_key({"n_embd", "hidden_size"}), 768),
                        .context = config.integer_or(config.one_key({"n_positions", "max_position_embeddings"}), 1024),
                        .layers = config.integer_or(config.one_key({"n_layer", "num_hidden_layers"}), 12),
                        .heads = config.integer_or(config.one_key({"n_head", "num_attention_heads"}), 12),
                        .intermediate = config.integer_or("n_inner", 0),
                        .epsilon = config.number_or("layer_norm_epsilon", 1e-5),
                        .activation = read_activation(config, "activation_function", activation)});
  spec.positions = LearnedPositions{.count = spec.context};
  if (!config.flag_or("scale_attn_weights", true))
    for_each_layer(spec, [](LayerSpec&, Attention& attention, Dense&) { attention.scale = 1; });
  return spec;
}

ModelSpec describe_gpt2(const ConfigReader& config) {
  ModelSpec spec = gpt2_spec(config, "gelu_new");
  if (!config.flag_or("scale_attn_by_inverse_layer_idx", false)) return spec;
  float number = 1;
  for_each_layer(spec, [&](LayerSpec&, Attention& attention, Dense&) { attention.scale /= number++; });
  return spec;
}

ModelSpec describe_gpt_bigcode(const ConfigReader& config) {
  ModelSpec spec = gpt2_spec(config, "gelu_pytorch_tanh");
  spec.storage.qkv_by_group = true;
  if (config.flag_or("multi_query", true))
    for_each_layer(spec, [](LayerSpec&, Attention& attention, Dense&) { attention.kv_heads = 1; });
  return spec;
}

const std::vector<RoleName>& gpt2_names() {
  static const std::vector<RoleName> names = {
      {Role::Embedding, "transformer.wte"},           {Role::Positions, "transformer.wpe"},
      {Role::AttentionNorm, "transformer.h.{}.ln_1"}, {Role::QueryKeyValue, "transformer.h.{}.attn.c_attn"},
      {Role::Output, "transformer.h.{}.attn.c_proj"}, {Role::MlpNorm, "transformer.h.{}.ln_2"},
      {Role::Up, "transformer.h.{}.mlp.c_fc"},        {Role::Down, "transformer.h.{}.mlp.c_proj"},
      {Role::FinalNorm, "transformer.ln_f"},          {Role::Unembedding, "lm_head"},
  };
  return names;
}

}  // namespace

const Family gpt2_family{.model_types = {"gpt2"},
                         .gguf_architecture = "gpt2",
                         .base_prefix = "transformer.",
                         .names = gpt2_names(),
                         .describe = describe_gpt2,
                         .conv1d = true};
const Family gpt_bigcode_family{.model_types = {"gpt_bigcode"},
                                .gguf_architecture = "starcoder",
                                .base_prefix = "transformer.",
                                .names = gpt2_names(),
                                .describe = describe_gpt_bigcode};

}  // namespace foretell
