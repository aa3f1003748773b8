// Mixtures of experts in Llama's shape, for the families that share it.
#pragma once

#include <functional>

#include "arch/llama.h"

namespace foretell {

// llama_names() with the router "mlp.gate", experts of three matrices each ("mlp.experts.{e}.gate_proj"), and more
// names of each layer.
std::vector<RoleName> names_with_experts(const std::vector<RoleName>& more = {});

// Gives the layers for which `sparse(layer)` holds these experts in place of their dense MLP. Throws Error where as
// many experts as asked for cannot be chosen.
void use_experts(ModelSpec& spec, const ConfigReader& config, const Experts& experts,
                 const std::function<bool(int64_t layer)>& sparse);

// The same for every `decoder_sparse_step`-th layer but those listed in mlp_only_layers; none where there are no
// experts.
void use_experts_in_steps(ModelSpec& spec, const ConfigReader& config, const Experts& experts);

}  // namespace foretell
