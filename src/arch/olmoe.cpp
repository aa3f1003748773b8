// OLMoE (Muennighoff et al., arXiv:2409.02060): Llama with experts, one norm over all queries and one over all keys,
// and a clip. Defaults: transformers' OlmoeConfig.
#include "arch/experts.h"
#include "arch/families.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 50304,
                                       .hidden = 2048,
                                       .intermediate = 2048,
                                       .layers = 16,
                                       .heads = 16,
                                       .context = 4096,
                                       .epsilon = 1e-5,
                                       .mlp_bias = false});
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.qk_norm = Attention::QkNorm::Whole;
    attention.qk_norm_spec = *spec.final_norm;
    attention.clip = static_cast<float>(config.number_or("clip_qkv", 0));
  });
  const Experts experts{.count = config.integer_or(config.one_key({"num_experts", "num_local_experts"}), 64),
                        .chosen = config.integer_or("num_experts_per_tok", 8),
                        .expert = std::get<Dense>(spec.layers.front().mlp),
                        .normalize = config.flag_or("norm_topk_prob", false)};
  use_experts(spec, config, experts, [](int64_t) { return true; });
  return spec;
}

const Family olmoe_family{.model_types = {"olmoe"},
                          .gguf_architecture = "olmoe",
                          .base_prefix = "model.",
                          .names = names_with_experts(),
                          .describe = describe};

}  // namespace foretell
