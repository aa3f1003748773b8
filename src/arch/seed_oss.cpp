// Seed-OSS (ByteDance, 2025): Llama's shape with biases on query, key and value. Defaults: transformers' SeedOssConfig.
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 155136,
                                       .intermediate = 27648,
                                       .layers = 64,
                                       .heads = 80,
                                       .kv_heads = 8,
                                       .head_dim = 128,
                                       .context = 524288});
  set_biases(spec, config.flag_or("attention_bias", true), config.flag_or("attention_out_bias", false),
             config.flag_or("mlp_bias", false));
  return spec;
}

const Family seed_oss_family{.model_types = {"seed_oss"},
                             .gguf_architecture = "seed_oss",
                             .base_prefix = "model.",
                             .names = llama_names(),
                             .describe = describe};

}  // namespace foretell
