// Mixtral (Jiang et al., arXiv:2401.04088): Mistral with experts. Defaults: transformers' MixtralConfig.
#include "arch/experts.h"
#include "arch/families.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.intermediate = 14336,
                                       .kv_heads = 8,
                                       .context = 131072,
                                       .epsilon = 1e-5,
                                       .theta = 1e6,
                                       .attention_bias = false,
                                       .mlp_bias = false});
  for_each_attention(spec,
                     [&](Attention& attention, int64_t) { attention.window = config.integer_or("sliding_window", 0); });
  const Experts experts{.count = config.integer_or(config.one_key({"num_local_experts", "num_experts"}), 8),
                        .chosen = config.integer_or("num_experts_per_tok", 2),
                        .expert = std::get<Dense>(spec.layers.front().mlp),
                        .normalize = true};
  use_experts(spec, config, experts, [](int64_t) { return true; });
  return spec;
}

const Family mixtral_family{
    .model_types = {"mixtral"},
    .gguf_architecture = "llama",
    .base_prefix = "model.",
    .names = llama_names_and({{Role::Router, "model.layers.{}.block_sparse_moe.gate"},
                              {Role::ExpertGate, "model.layers.{}.block_sparse_moe.experts.{e}.w1"},
                              {Role::ExpertUp, "model.layers.{}.block_sparse_moe.experts.{e}.w3"},
                              {Role::ExpertDown, "model.layers.{}.block_sparse_moe.experts.{e}.w2"}}),
    .describe = describe};

}  // namespace foretell
