// Apertus (Swiss AI, arXiv:2509.14233): Llama's attention with norms of queries and keys, and an MLP without gate whose
// activation is learned. Defaults: transformers' ApertusConfig.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

ModelSpec describe(const ConfigReader& config) {
  config.only("post_norm", false);
  config.only("qk_norm", true);
  ModelSpec spec = llama_spec(config, {.vocabulary = 131072,
                                       .intermediate = 14336,
                                       .context = 65536,
                                       .epsilon = 1e-5,
                                       .theta = 12e6,
                                       .activation = "xielu",
                                       .gated = false,
                                       .mlp_bias = false});
  const bool scaled = config.has("rope_scaling") || config.has("rope_parameters");
  norm_queries_and_keys(spec);
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    if (scaled) return;
    attention.rotary->theta = 12e6;  // the class's own, with its scaling
    attention.rotary->scaling = Llama3Scaling{};
  });
  return spec;
}

std::vector<RoleName> names() {
  std::vector<RoleName> names = llama_names_and({{Role::XIeluAlphaP, "model.layers.{}.mlp.act_fn.alpha_p", ""},
                                                 {Role::XIeluAlphaN, "model.layers.{}.mlp.act_fn.alpha_n", ""},
                                                 {Role::XIeluBeta, "model.layers.{}.mlp.act_fn.beta", ""},
                                                 {Role::XIeluEps, "model.layers.{}.mlp.act_fn.eps", ""}});
  for (RoleName& n : names) {
    if (n.role == Role::AttentionNorm) n.name = "model.layers.{}.attention_layernorm";
    if (n.role == Role::MlpNorm) n.name = "model.layers.{}.feedforward_layernorm";
  }
  return names;
}

}  // namespace

const Family apertus_family{.model_types = {"apertus"},
                            .gguf_architecture = "apertus",
                            .base_prefix = "model.",
                            .names = names(),
                            .describe = describe};

}  // namespace foretell
