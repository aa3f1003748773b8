// Qwen2 (Yang et al., arXiv:2407.10671: biases on query, key and value) and Qwen3 (arXiv:2505.09388: a norm on each
// head's query and key instead). Defaults: transformers' Qwen2Config and Qwen3Config.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

ModelSpec qwen_spec(const ConfigReader& config, int64_t head_dim) {
  ModelSpec spec = llama_spec(
      config, {.vocabulary = 151936, .intermediate = 22016, .kv_heads = 32, .head_dim = head_dim, .context = 32768});
  const bool sliding = config.flag_or("use_sliding_window", false);
  const int64_t window =
      sliding ? config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : 4096) : 0;
  const int64_t first = config.integer_or("max_window_layers", 28, 0);
  const auto windows = read_windows(config, static_cast<int64_t>(spec.layers.size()), window,
                                    [&](int64_t layer) { return window != 0 && layer >= first; });
  for_each_attention(
      spec, [&](Attention& attention, int64_t layer) { attention.window = windows[static_cast<size_t>(layer)]; });
  for (auto& layer : spec.layers) std::get<Dense>(layer.mlp).up_bias = std::get<Dense>(layer.mlp).down_bias = false;
  return spec;
}

ModelSpec describe_qwen2(const ConfigReader& config) {
  ModelSpec spec = qwen_spec(config, 0);
  for_each_attention(spec, [](Attention& attention, int64_t) {
    attention.query_bias = attention.key_bias = attention.value_bias = true;
    attention.output_bias = false;
  });
  return spec;
}

ModelSpec describe_qwen3(const ConfigReader& config) {
  ModelSpec spec = qwen_spec(config, 128);
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.qk_norm = Attention::QkNorm::PerHead;
    attention.qk_norm_spec = *spec.final_norm;
  });
  return spec;
}

}  // namespace

const Family qwen2_family{.model_types = {"qwen2"},
                          .gguf_architecture = "qwen2",
                          .base_prefix = "model.",
                          .names = llama_names(),
                          .describe = describe_qwen2};
const Family qwen3_family{.model_types = {"qwen3"},
                          .gguf_architecture = "qwen3",
                          .base_prefix = "model.",
                          .names = llama_names(),
                          .describe = describe_qwen3};

}  // namespace foretell
