// Gemma (arXiv:2403.08295): Llama's shape with norms that store w - 1, embeddings scaled by sqrt(hidden) and a head
// size of its own. Defaults: transformers' GemmaConfig.
#include <cmath>

#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  config.only("use_bidirectional_attention", false);
  ModelSpec spec = llama_spec(config, {.vocabulary = 256000,
                                       .hidden = 3072,
                                       .intermediate = 24576,
                                       .layers = 28,
                                       .heads = 16,
                                       .kv_heads = 16,
                                       .head_dim = 256,
                                       .context = 8192,
                                       .tied = true});
  spec.embedding_scale = std::sqrt(static_cast<float>(spec.hidden));
  spec.final_norm->weight_plus_one = true;
  // "gelu" in old folders means its tanh form (the reference says so too).
  Activation activation = read_activation(config, "hidden_act", "gelu_pytorch_tanh");
  if (activation == Activation::Gelu) activation = Activation::GeluTanh;
  for (auto& layer : spec.layers) {
    layer.attn_in->weight_plus_one = layer.mlp_in->weight_plus_one = true;
    auto& mlp = std::get<Dense>(layer.mlp);
    mlp.activation = activation;
    mlp.up_bias = mlp.down_bias = false;
  }
  return spec;
}

const Family gemma_family{.model_types = {"gemma"},
                          .gguf_architecture = "gemma",
                          .base_prefix = "model.",
                          .names = llama_names(),
                          .describe = describe};

}  // namespace foretell
