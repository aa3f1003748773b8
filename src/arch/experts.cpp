#include "arch/experts.h"

#include <algorithm>
#include <string>

namespace foretell {

std::vector<RoleName> names_with_experts(const std::vector<RoleName>& more) {
  std::vector<RoleName> names = {{Role::Router, "model.layers.{}.mlp.gate"},
                                 {Role::ExpertGate, "model.layers.{}.mlp.experts.{e}.gate_proj"},
                                 {Role::ExpertUp, "model.layers.{}.mlp.experts.{e}.up_proj"},
                                 {Role::ExpertDown, "model.layers.{}.mlp.experts.{e}.down_proj"}};
  names.insert(names.end(), more.begin(), more.end());
  return llama_names_and(names);
}

void use_experts(ModelSpec& spec, const ConfigReader& config, const Experts& experts,
                 const std::function<bool(int64_t layer)>& sparse) {
  if (experts.count % experts.groups != 0 || experts.chosen_groups > experts.groups)
    throw config.error("n_group", "experts cannot be shared out evenly",
                       "a divisor of " + std::to_string(experts.count) +
                           " experts, of which topk_group = " + std::to_string(experts.chosen_groups) + " are chosen",
                       std::to_string(experts.groups));
  const int64_t most = experts.count / experts.groups * experts.chosen_groups;
  if (experts.chosen > most)
    throw config.error("num_experts_per_tok", "more experts than there are to choose from",
                       "at most " + std::to_string(most), std::to_string(experts.chosen));
  for (size_t i = 0; i < spec.layers.size(); i++)
    if (sparse(static_cast<int64_t>(i))) spec.layers[i].mlp = experts;
}

void use_experts_in_steps(ModelSpec& spec, const ConfigReader& config, const Experts& experts) {
  if (experts.count == 0) return;
  const int64_t step = config.integer_or("decoder_sparse_step", 1);
  const auto dense = config.integers("mlp_only_layers");
  use_experts(spec, config, experts, [&](int64_t layer) {
    return (layer + 1) % step == 0 && std::find(dense.begin(), dense.end(), layer) == dense.end();
  });
}

}  // namespace foretell
