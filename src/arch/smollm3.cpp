// SmolLM3 (Hugging Face, 2025): Llama's shape in which every fourth layer does not turn (Yang et al.,
// arXiv:2501.18795). Defaults: transformers' SmolLM3Config.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

// By no_rope_layers, whose ones turn in spite of its name.
std::vector<int64_t> turning_layers(const ConfigReader& config, int64_t layers) {
  std::vector<int64_t> turning = config.integers("no_rope_layers");
  if (turning.empty()) {
    const int64_t interval = config.integer_or("no_rope_layer_interval", 4);
    for (int64_t i = 0; i < layers; i++) turning.push_back((i + 1) % interval != 0);
  }
  if (static_cast<int64_t>(turning.size()) != layers)
    throw config.error("no_rope_layers", "a list has another length", std::to_string(layers),
                       std::to_string(turning.size()));
  return turning;
}

ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 128256,
                                       .hidden = 2048,
                                       .layers = 36,
                                       .heads = 16,
                                       .kv_heads = 4,
                                       .context = 32768,
                                       .tied = true,
                                       .theta = 2000000});
  const auto layers = static_cast<int64_t>(spec.layers.size());
  const auto turning = turning_layers(config, layers);
  const int64_t window = config.integer_or("sliding_window", 0);
  const bool slides = config.flag_or("use_sliding_window", false) && window > 0;
  const auto windows = read_windows(config, layers, window,
                                    [&](int64_t layer) { return slides && turning[static_cast<size_t>(layer)] == 0; });
  for_each_attention(spec, [&](Attention& attention, int64_t layer) {
    attention.window = windows[static_cast<size_t>(layer)];
    if (turning[static_cast<size_t>(layer)] == 0) attention.rotary.reset();
  });
  return spec;
}

}  // namespace

const Family smollm3_family{.model_types = {"smollm3"},
                            .gguf_architecture = "smollm3",
                            .base_prefix = "model.",
                            .names = llama_names(),
                            .describe = describe};

}  // namespace foretell
