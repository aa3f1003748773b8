// OLMo (Groeneveld et al., arXiv:2402.00838): Llama's shape with LayerNorms without weights, and clipped queries, keys
// and values. OLMo 2 (arXiv:2501.00656): norms of what attention and MLP add instead of what they read, and of all
// queries and all keys. OLMo 3: windows too, and rotary scaling only where there is none. Defaults: transformers'
// OlmoConfig, Olmo2Config and Olmo3Config.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

LlamaDefaults defaults(double theta) {
  return {.vocabulary = 50304, .context = 2048, .epsilon = 1e-5, .theta = theta, .mlp_bias = false};
}

ModelSpec describe_olmo(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, defaults(10000));
  set_norms(spec, {.kind = NormSpec::Kind::Layer, .epsilon = 1e-5f, .weight = false});
  const auto clip = static_cast<float>(config.number_or("clip_qkv", 0));
  for_each_attention(spec, [&](Attention& attention, int64_t) { attention.clip = clip; });
  return spec;
}

ModelSpec olmo2_spec(const ConfigReader& config, double theta) {
  ModelSpec spec = llama_spec(config, defaults(theta));
  use_output_norms(spec);
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.qk_norm = Attention::QkNorm::Whole;
    attention.qk_norm_spec = *spec.final_norm;
  });
  return spec;
}

ModelSpec describe_olmo2(const ConfigReader& config) { return olmo2_spec(config, 10000); }

ModelSpec describe_olmo3(const ConfigReader& config) {
  constexpr double theta = 500000;
  ModelSpec spec = olmo2_spec(config, theta);
  const int64_t window = config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : 4096);
  const auto windows = read_windows(config, static_cast<int64_t>(spec.layers.size()), window,
                                    [](int64_t layer) { return (layer + 1) % 4 != 0; });
  for_each_attention(spec, [&](Attention& attention, int64_t layer) {
    attention.window = windows[static_cast<size_t>(layer)];
    const auto rotary = config.object("rope_parameters");
    const std::string_view type = attention.window > 0 ? "sliding_attention" : "full_attention";
    if (rotary && rotary->has(type)) {
      attention.rotary = read_rotary(config, attention.head_dim, spec.context, {.theta = theta, .layer_type = type});
    } else if (attention.window > 0) {
      // rope_theta and rope_scaling are of the layers without a window.
      attention.rotary = Rotary{.dims = attention.head_dim, .theta = theta};
    }
  });
  return spec;
}

}  // namespace

const Family olmo_family{.model_types = {"olmo"},
                         .gguf_architecture = "olmo",
                         .base_prefix = "model.",
                         .names = llama_names(),
                         .describe = describe_olmo};
const Family olmo2_family{.model_types = {"olmo2"},
                          .gguf_architecture = "olmo2",
                          .base_prefix = "model.",
                          .names = output_norm_names(),
                          .describe = describe_olmo2};
const Family olmo3_family{.model_types = {"olmo3"},
                          .gguf_architecture = "olmo2",
                          .base_prefix = "model.",
                          .names = output_norm_names(),
                          .describe = describe_olmo3};

}  // namespace foretell
