// Nemotron (Parmar et al., arXiv:2402.16819) and Minitron: Llama's shape with LayerNorms that store w - 1, heads of
// which a part turns, and squared ReLU. Defaults: transformers' NemotronConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 256000,
                                       .hidden = 6144,
                                       .intermediate = 24576,
                                       .heads = 48,
                                       .context = 4096,
                                       .partial_rotary = 0.5,
                                       .activation = "relu2",
                                       .gated = false});
  NormSpec norm = read_layer_norm(config, "norm_eps");
  norm.weight_plus_one = true;
  set_norms(spec, norm);
  return spec;
}

const Family nemotron_family{.model_types = {"nemotron"},
                             .gguf_architecture = "nemotron",
                             .base_prefix = "model.",
                             .names = llama_names(),
                             .describe = describe};

}  // namespace foretell
