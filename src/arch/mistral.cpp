// Mistral (Jiang et al., arXiv:2310.06825): Llama's shape with a sliding window. Defaults: transformers' MistralConfig.
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.intermediate = 14336, .kv_heads = 8, .context = 131072});
  // A null window is none; only an absent key means the class's 4,096.
  const int64_t window = config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : 4096);
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.window = window;
    attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias = false;
  });
  for (auto& layer : spec.layers) std::get<Dense>(layer.mlp).up_bias = std::get<Dense>(layer.mlp).down_bias = false;
  return spec;
}

const Family mistral_family{.model_types = {"mistral"},
                            .gguf_architecture = {},
                            .base_prefix = "model.",
                            .names = llama_names(),
                            .describe = describe};

}  // namespace foretell
