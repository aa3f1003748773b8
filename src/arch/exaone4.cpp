// EXAONE 4 (LG AI Research, arXiv:2507.11407): Llama's shape with norms of what attention and MLP add instead of what
// they read, and of each head's query and key. Where some layers have a window, only those turn. Defaults:
// transformers' Exaone4Config.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 102400,
                                       .intermediate = 16384,
                                       .kv_heads = 32,
                                       .epsilon = 1e-5,
                                       .attention_bias = false,
                                       .mlp_bias = false});
  use_output_norms(spec);
  const int64_t window = config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : 4096);
  const auto windows = read_windows(config, static_cast<int64_t>(spec.layers.size()), window, [&](int64_t layer) {
    return window > 0 && (layer + 1) % config.integer_or("sliding_window_pattern", 4) != 0;
  });
  norm_queries_and_keys(spec);
  for_each_attention(spec, [&](Attention& attention, int64_t layer) {
    attention.window = windows[static_cast<size_t>(layer)];
    if (window > 0 && attention.window == 0) attention.rotary.reset();
  });
  return spec;
}

const Family exaone4_family{.model_types = {"exaone4"},
                            .gguf_architecture = "exaone4",
                            .base_prefix = "model.",
                            .names = output_norm_names(),
                            .describe = describe};

}  // namespace foretell
