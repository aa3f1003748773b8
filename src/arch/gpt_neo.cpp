// GPT-Neo (Black et al., 2021): GPT-2's shape with a window in some layers, no biases on query, key and value, and
// scores that are not scaled. Defaults: transformers' GPTNeoConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/gpt2.h"

namespace foretell {
namespace {

constexpr std::string_view types_key = "attention_types";

// "global" or "local" for each layer: attention_types is [[["global", "local"], 12]] for 24 layers in turn. Folders say
// the same layer by layer in attention_layers, which the reference does not read.
std::vector<std::string> layer_types(const ConfigReader& config) {
  const Json fallback = Json::array({Json::array({Json::array({"global", "local"}), 12})});
  const Json* types = config.value(types_key);
  if (types == nullptr) types = &fallback;
  const auto wrong = [&](const Json& found) {
    return config.error(types_key, "unknown value", "a list of [[\"global\" or \"local\", ...], count]", found.dump());
  };
  std::vector<std::string> list;
  if (!types->is_array()) throw wrong(*types);
  for (const Json& item : *types) {
    constexpr int64_t most = 100'000;  // layers, far beyond any model
    if (!item.is_array() || item.size() != 2 || !item[0].is_array() || !item[1].is_number_integer() ||
        item[1].get<int64_t>() < 0 || item[1].get<int64_t>() > most || static_cast<int64_t>(item[0].size()) > most)
      throw wrong(item);
    for (int64_t i = 0; i < item[1].get<int64_t>() && static_cast<int64_t>(list.size()) < most; i++) {
      for (const Json& type : item[0]) {
        if (type != "global" && type != "local") throw wrong(type);
        list.push_back(type.get<std::string>());
      }
    }
  }
  return list;
}

ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec =
      gpt_spec(config, {.vocabulary = config.integer_or("vocab_size", 50257),
                        .hidden = config.integer_or("hidden_size", 2048),
                        .context = config.integer_or("max_position_embeddings", 2048),
                        .layers = config.integer_or(config.one_key({"num_layers", "num_hidden_layers"}), 24),
                        .heads = config.integer_or(config.one_key({"num_heads", "num_attention_heads"}), 16),
                        .intermediate = config.integer_or("intermediate_size", 0),
                        .epsilon = config.number_or("layer_norm_epsilon", 1e-5),
                        .activation = read_activation(config, "activation_function", "gelu_new")});
  spec.positions = LearnedPositions{.count = spec.context};
  const auto types = layer_types(config);
  if (types.size() != spec.layers.size())
    throw config.error(types_key, "a list has another length", std::to_string(spec.layers.size()) + " layers",
                       std::to_string(types.size()));
  const int64_t window = config.integer_or("window_size", 256);
  auto type = types.begin();
  for_each_layer(spec, [&](LayerSpec&, Attention& attention, Dense&) {
    attention.window = *type++ == "local" ? window : 0;
    attention.scale = 1;
    attention.query_bias = attention.key_bias = attention.value_bias = false;
  });
  return spec;
}

}  // namespace

const Family gpt_neo_family{.model_types = {"gpt_neo"},
                            .gguf_architecture = {},
                            .base_prefix = "transformer.",
                            .names = {{Role::Embedding, "transformer.wte"},
                                      {Role::Positions, "transformer.wpe"},
                                      {Role::AttentionNorm, "transformer.h.{}.ln_1"},
                                      {Role::Query, "transformer.h.{}.attn.attention.q_proj"},
                                      {Role::Key, "transformer.h.{}.attn.attention.k_proj"},
                                      {Role::Value, "transformer.h.{}.attn.attention.v_proj"},
                                      {Role::Output, "transformer.h.{}.attn.attention.out_proj"},
                                      {Role::MlpNorm, "transformer.h.{}.ln_2"},
                                      {Role::Up, "transformer.h.{}.mlp.c_fc"},
                                      {Role::Down, "transformer.h.{}.mlp.c_proj"},
                                      {Role::FinalNorm, "transformer.ln_f"},
                                      {Role::Unembedding, "lm_head"}},
                            .describe = describe};

}  // namespace foretell
