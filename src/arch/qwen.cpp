// Qwen2 (Yang et al., arXiv:2407.10671: biases on query, key and value) and Qwen3 (arXiv:2505.09388: a norm on each
// head's query and key instead), also those that see (Qwen2-VL, arXiv:2409.12191, and its successors): a text's tokens
// have the same position in all sections of their rotary embedding. Defaults: transformers' Qwen2Config, Qwen3Config,
// Qwen2VLTextConfig and Qwen3VLTextConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

constexpr LlamaDefaults qwen_defaults{
    .vocabulary = 151936, .intermediate = 22016, .kv_heads = 32, .context = 32768, .mlp_bias = false};

// `first_window`: the first layer with a window, where there are windows.
ModelSpec qwen_spec(const ConfigReader& config, const LlamaDefaults& defaults, int64_t first_window) {
  ModelSpec spec = llama_spec(config, defaults);
  const bool sliding = config.flag_or("use_sliding_window", false);
  const int64_t window =
      sliding ? config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : 4096) : 0;
  const int64_t first = config.integer_or("max_window_layers", first_window, 0);
  const auto windows = read_windows(config, static_cast<int64_t>(spec.layers.size()), window,
                                    [&](int64_t layer) { return window != 0 && layer >= first; });
  for_each_attention(
      spec, [&](Attention& attention, int64_t layer) { attention.window = windows[static_cast<size_t>(layer)]; });
  return spec;
}

ModelSpec describe_qwen2(const ConfigReader& config) {
  ModelSpec spec = qwen_spec(config, qwen_defaults, 28);
  set_biases(spec, true, false, false);
  return spec;
}

ModelSpec describe_qwen2_vl(const ConfigReader& config) {
  ModelSpec spec = qwen_spec(config,
                             {.vocabulary = 152064,
                              .hidden = 8192,
                              .intermediate = 29568,
                              .layers = 80,
                              .heads = 64,
                              .kv_heads = 8,
                              .context = 32768,
                              .epsilon = 1e-5,
                              .theta = 1e6},
                             80);
  set_biases(spec, true, false, false);
  return spec;
}

ModelSpec describe_qwen3(const ConfigReader& config) {
  LlamaDefaults defaults = qwen_defaults;
  defaults.head_dim = 128;
  ModelSpec spec = qwen_spec(config, defaults, 28);
  norm_queries_and_keys(spec);
  return spec;
}

ModelSpec describe_qwen3_vl(const ConfigReader& config) {
  LlamaDefaults defaults = qwen_defaults;
  defaults.head_dim = 128;
  defaults.context = 128000;
  defaults.theta = 500000;
  ModelSpec spec = llama_spec(config, defaults);  // it knows no windows
  norm_queries_and_keys(spec);
  return spec;
}

}  // namespace

const Family qwen2_family{.model_types = {"qwen2"},
                          .gguf_architecture = "qwen2",
                          .base_prefix = "model.",
                          .names = llama_names(),
                          .describe = describe_qwen2};
const Family qwen2_vl_family{.model_types = {"qwen2_vl", "qwen2_vl_text", "qwen2_5_vl", "qwen2_5_vl_text"},
                             .gguf_architecture = "qwen2vl",
                             .base_prefix = "model.",
                             .names = llama_names(),
                             .describe = describe_qwen2_vl};
const Family qwen3_family{.model_types = {"qwen3"},
                          .gguf_architecture = "qwen3",
                          .base_prefix = "model.",
                          .names = llama_names(),
                          .describe = describe_qwen3};
const Family qwen3_vl_family{.model_types = {"qwen3_vl", "qwen3_vl_text"},
                             .gguf_architecture = "qwen3vl",
                             .base_prefix = "model.",
                             .names = llama_names(),
                             .describe = describe_qwen3_vl};

}  // namespace foretell
