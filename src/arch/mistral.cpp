// Mistral (Jiang et al., arXiv:2310.06825): Llama's shape with a sliding window. Ministral has windows in some layers
// only; Ministral 3 has none by default, and queries that grow with their position. Defaults: transformers'
// MistralConfig, MinistralConfig and Ministral3Config.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

ModelSpec mistral_spec(const ConfigReader& config, LlamaDefaults defaults) {
  defaults.intermediate = 14336;
  defaults.kv_heads = 8;
  defaults.attention_bias = defaults.mlp_bias = false;
  return llama_spec(config, defaults);
}

// A null window is none; only an absent key means the class's 4,096.
int64_t read_window(const ConfigReader& config, int64_t fallback) {
  return config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : fallback);
}

ModelSpec describe_mistral(const ConfigReader& config) {
  ModelSpec spec = mistral_spec(config, {.context = 131072});
  for_each_attention(spec, [&](Attention& attention, int64_t) { attention.window = read_window(config, 4096); });
  return spec;
}

ModelSpec describe_ministral(const ConfigReader& config) {
  ModelSpec spec = mistral_spec(config, {.context = 131072});
  const int64_t window = read_window(config, 4096);
  const auto windows =
      read_windows(config, static_cast<int64_t>(spec.layers.size()), window, [&](int64_t) { return window != 0; });
  for_each_attention(
      spec, [&](Attention& attention, int64_t layer) { attention.window = windows[static_cast<size_t>(layer)]; });
  return spec;
}

ModelSpec describe_ministral3(const ConfigReader& config) {
  ModelSpec spec = mistral_spec(
      config, {.vocabulary = 131072, .layers = 34, .head_dim = 128, .context = 262144, .epsilon = 1e-5, .theta = 1e6});
  auto rope = config.object("rope_scaling");
  if (!rope) rope = config.object("rope_parameters");
  QueryGrowth growth{.floor_scale = 16384, .scale = 0.1, .shift = 0};
  if (rope) {
    growth.scale = rope->number_or("llama_4_scaling_beta", 0);
    growth.floor_scale = static_cast<double>(rope->integer_or("original_max_position_embeddings", spec.context));
  }
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.window = read_window(config, 0);
    if (growth.scale != 0) attention.query_growth = growth;
    // The class's own scaling where the config names none; mscale and mscale_all_dim take each other's place.
    if (!rope) attention.rotary->scaling = YarnScaling{.factor = 16, .original_context = 16384};
  });
  return spec;
}

}  // namespace

const Family mistral_family{.model_types = {"mistral", "mistral3"},
                            .gguf_architecture = "llama",
                            .base_prefix = "model.",
                            .names = llama_names(),
                            .describe = describe_mistral};
const Family ministral_family{.model_types = {"ministral"},
                              .gguf_architecture = {},
                              .base_prefix = "model.",
                              .names = llama_names(),
                              .describe = describe_ministral};
const Family ministral3_family{.model_types = {"ministral3"},
                               .gguf_architecture = "mistral3",
                               .base_prefix = "model.",
                               .names = llama_names(),
                               .describe = describe_ministral3};

}  // namespace foretell
