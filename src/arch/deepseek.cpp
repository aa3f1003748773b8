// DeepSeek-V2 (arXiv:2405.04434): latent attention, and fine-grained experts of which those of the best groups may be
// chosen, beside one that every token goes through. DeepSeek-V3 (arXiv:2412.19437) scores experts with a sigmoid and
// balances them with a learned correction. Defaults: transformers' DeepseekV2Config and DeepseekV3Config.
#include "arch/experts.h"
#include "arch/families.h"
#include "arch/latent.h"

namespace foretell {
namespace {

struct ExpertDefaults {
  int64_t count, shared, intermediate, first_sparse;
};

// What both have in common of the experts; the first layers have none.
void read_experts(ModelSpec& spec, const ConfigReader& config, Experts experts, const ExpertDefaults& defaults) {
  config.only("moe_layer_freq", 1);
  experts.count =
      config.integer_or(config.one_key({"n_routed_experts", "num_experts", "num_local_experts"}), defaults.count);
  Dense mlp = std::get<Dense>(spec.layers.front().mlp);
  mlp.intermediate = config.integer_or("moe_intermediate_size", defaults.intermediate);
  experts.expert = mlp;
  experts.expert.up_bias = experts.expert.down_bias = false;
  if (const int64_t shared = config.integer_or("n_shared_experts", defaults.shared, 0); shared > 0) {
    mlp.intermediate *= shared;
    experts.shared = mlp;
  }
  const int64_t first = config.integer_or("first_k_dense_replace", defaults.first_sparse, 0);
  use_experts(spec, config, experts, [&](int64_t layer) { return layer >= first; });
}

ModelSpec describe_v2(const ConfigReader& config) {
  config.only("scoring_func", "softmax");
  config.only("norm_topk_prob", false);
  constexpr LatentDefaults latent{.query_rank = 1536, .kv_rank = 512, .plain = 128, .turning = 64, .value = 128};
  ModelSpec spec = latent_spec(config, {.vocabulary = 102400}, latent, Rotary::Pairing::Interleaved);
  Experts experts{.chosen = config.integer("num_experts_per_tok"),
                  .scale = static_cast<float>(config.number_or("routed_scaling_factor", 1))};
  if (config.one_of<bool>("topk_method", "greedy", {{"greedy", false}, {"group_limited_greedy", true}})) {
    experts.groups = config.integer("n_group");
    experts.chosen_groups = config.integer("topk_group");
  }
  read_experts(spec, config, experts, {.count = 64, .shared = 2, .intermediate = 1407, .first_sparse = 0});
  return spec;
}

ModelSpec describe_v3(const ConfigReader& config) {
  config.only("scoring_func", "sigmoid");
  config.only("topk_method", "noaux_tc");
  constexpr LatentDefaults latent{.query_rank = 1536, .kv_rank = 512, .plain = 128, .turning = 64, .value = 128};
  const bool interleaved = config.flag_or("rope_interleave", true);
  ModelSpec spec = latent_spec(config,
                               {.vocabulary = 129280,
                                .hidden = 7168,
                                .intermediate = 18432,
                                .layers = 61,
                                .heads = 128,
                                .context = 4096,
                                .mlp_bias = false},
                               latent, interleaved ? Rotary::Pairing::Interleaved : Rotary::Pairing::Half);
  const Experts experts{.chosen = config.integer_or("num_experts_per_tok", 8),
                        .score = Experts::Score::Sigmoid,
                        .normalize = config.flag_or("norm_topk_prob", true),
                        .scale = static_cast<float>(config.number_or("routed_scaling_factor", 2.5)),
                        .groups = config.integer_or("n_group", 8),
                        .chosen_groups = config.integer_or("topk_group", 4),
                        .groups_by_top_two = true,
                        .correction = true};
  read_experts(spec, config, experts, {.count = 256, .shared = 1, .intermediate = 2048, .first_sparse = 3});
  return spec;
}

std::vector<RoleName> names() {
  std::vector<RoleName> names =
      names_with_experts({{Role::RouterCorrection, "model.layers.{}.mlp.gate.e_score_correction_bias", ""},
                          {Role::SharedGate, "model.layers.{}.mlp.shared_experts.gate_proj"},
                          {Role::SharedUp, "model.layers.{}.mlp.shared_experts.up_proj"},
                          {Role::SharedDown, "model.layers.{}.mlp.shared_experts.down_proj"}});
  return with_latent_names(std::move(names));
}

}  // namespace

const Family deepseek_v2_family{.model_types = {"deepseek_v2"},
                                .gguf_architecture = "deepseek2",
                                .base_prefix = "model.",
                                .names = names(),
                                .describe = describe_v2};
const Family deepseek_v3_family{.model_types = {"deepseek_v3"},
                                .gguf_architecture = "deepseek2",
                                .base_prefix = "model.",
                                .names = names(),
                                .describe = describe_v3};

}  // namespace foretell
