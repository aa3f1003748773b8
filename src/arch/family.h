// A model family: how its config.json becomes a ModelSpec, and what it calls its tensors. One small file each in this
// folder; docs/families.md tells how to add one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/config_reader.h"
#include "arch/roles.h"
#include "arch/spec.h"

namespace foretell {

// The published name of a role's tensors; {} stands for the layer's number, {e} for the expert's (or the head's).
struct RoleName {
  Role role;
  std::string_view name;  // "model.layers.{}.self_attn.q_proj"
  // What follows the name.
  std::string_view weight = ".weight", bias = ".bias";
  bool (*when)(const ModelSpec& spec) = nullptr;  // for names that not all of the family's models use
};

struct Family {
  std::vector<std::string_view> model_types;  // config.json's
  std::string_view gguf_architecture;         // GGUF's general.architecture, or empty
  // The prefix of all names but the unembedding's; published folders leave it out at times ("transformer.", "model.").
  std::string_view base_prefix;
  // In the order in which a token meets them; those of layers stand together. Names of roles that a model lacks are
  // left out of its tensor_table, so families with options list all.
  std::vector<RoleName> names;
  ModelSpec (*describe)(const ConfigReader& config) = nullptr;
  bool conv1d = false;  // float matrices are stored [inputs, outputs], as GPT-2's Conv1D has them
};

// Throws Error, naming the near ones, where config.json's model_type is none that is known.
const Family& find_family(const ConfigReader& config);
std::span<const Family* const> families();

// A tensor that a model of this spec has, as published.
struct TensorSpec {
  Role role;
  Part part;
  int64_t layer = -1;          // -1: not of a layer
  std::string name;            // "model.layers.3.self_attn.q_proj.weight"
  std::vector<int64_t> shape;  // as stored: [outputs, inputs], or turned round for conv1d; stacks of experts have 3
  int64_t expert = -1;         // which one, where each has a tensor of its own
};
// All tensors, in the order in which a token meets them; tied embeddings once.
std::vector<TensorSpec> tensor_table(const Family& family, const ModelSpec& spec);

}  // namespace foretell
