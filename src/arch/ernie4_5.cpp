// ERNIE 4.5 (Baidu, 2025), the dense ones: Llama's shape with neighbouring dimensions that turn. Defaults:
// transformers' Ernie4_5Config.
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 103424,
                                       .hidden = 1024,
                                       .intermediate = 3072,
                                       .layers = 18,
                                       .heads = 16,
                                       .kv_heads = 2,
                                       .head_dim = 128,
                                       .context = 131072,
                                       .tied = true,
                                       .epsilon = 1e-5,
                                       .theta = 500000});
  const bool bias = config.flag_or("use_bias", false);
  set_biases(spec, bias, bias, bias);
  for_each_attention(spec,
                     [](Attention& attention, int64_t) { attention.rotary->pairing = Rotary::Pairing::Interleaved; });
  return spec;
}

const Family ernie4_5_family{.model_types = {"ernie4_5"},
                             .gguf_architecture = "ernie4_5",
                             .base_prefix = "model.",
                             .names = llama_names(),
                             .describe = describe};

}  // namespace foretell
