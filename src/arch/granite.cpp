// Granite (IBM, 2024): Llama's shape with a factor at each place where numbers may grow too large or too small (Yang et
// al., arXiv:2203.03466), and with experts whose weights are the softmax of the chosen ones. Defaults: transformers'
// GraniteConfig and GraniteMoeConfig.
#include "arch/experts.h"
#include "arch/families.h"

namespace foretell {
namespace {

ModelSpec granite_spec(const ConfigReader& config, const LlamaDefaults& defaults) {
  ModelSpec spec = llama_spec(config, defaults);
  spec.embedding_scale = static_cast<float>(config.number_or("embedding_multiplier", 1));
  const double divisor = config.number_or("logits_scaling", 1);
  if (divisor == 0) throw config.error("logits_scaling", "a value is out of range", "a number other than 0", "0");
  spec.logit_scale = static_cast<float>(1 / divisor);
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.scale = static_cast<float>(config.number_or("attention_multiplier", 1));
  });
  for (LayerSpec& layer : spec.layers)
    layer.residual_scale = static_cast<float>(config.number_or("residual_multiplier", 1));
  return spec;
}

ModelSpec describe_granite(const ConfigReader& config) { return granite_spec(config, {}); }

ModelSpec describe_granitemoe(const ConfigReader& config) {
  ModelSpec spec = granite_spec(config, {.mlp_bias = false});
  const Experts experts{.count = config.integer_or("num_local_experts", 8),
                        .chosen = config.integer_or("num_experts_per_tok", 2),
                        .expert = std::get<Dense>(spec.layers.front().mlp),
                        .score = Experts::Score::SoftmaxOfChosen};
  use_experts(spec, config, experts, [](int64_t) { return true; });
  return spec;
}

}  // namespace

const Family granite_family{.model_types = {"granite"},
                            .gguf_architecture = "granite",
                            .base_prefix = "model.",
                            .names = llama_names(),
                            .describe = describe_granite};
const Family granitemoe_family{
    .model_types = {"granitemoe"},
    .gguf_architecture = "granitemoe",
    .base_prefix = "model.",
    .names = llama_names_and({{Role::Router, "model.layers.{}.block_sparse_moe.router.layer"},
                              {Role::ExpertGateUp, "model.layers.{}.block_sparse_moe.input_linear"},
                              {Role::ExpertDown, "model.layers.{}.block_sparse_moe.output_linear"}}),
    .describe = describe_granitemoe};

}  // namespace foretell
