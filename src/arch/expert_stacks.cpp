#include "arch/expert_stacks.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "arch/family.h"
#include "arch/open_model.h"
#include "foretell/error.h"

namespace foretell {
namespace {

// The stack's name for what the family calls PREFIX.experts.3.w1, less ".weight"; empty for other roles.
std::string stack_name(const TensorSpec& tensor) {
  const size_t dir = tensor.name.find(".experts.");
  if (tensor.expert < 0 || tensor.part != Part::Weight || dir == std::string::npos) return {};
  const std::string stack = tensor.name.substr(0, dir) + ".switch_mlp.";
  switch (tensor.role) {
    case Role::ExpertGate:
      return stack + "gate_proj";
    case Role::ExpertUp:
      return stack + "up_proj";
    case Role::ExpertDown:
      return stack + "down_proj";
    default:
      return {};
  }
}

}  // namespace

void split_expert_stacks(Checkpoint& checkpoint) {
  const bool stacked = std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(), [](const auto& entry) {
    return entry.first.find(".switch_mlp.") != std::string::npos;
  });
  if (!stacked) return;
  const ConfigReader config(checkpoint.config, checkpoint.config_file());
  const Family& family = find_family(config);
  const ModelSpec spec = family.describe(config);
  std::set<std::string> used;
  for (const TensorSpec& tensor : tensor_table(family, spec)) {
    const std::string published = stack_name(tensor);
    if (published.empty()) continue;
    const auto& experts = std::get<Experts>(spec.layers[static_cast<size_t>(tensor.layer)].mlp);
    const std::string layer = tensor.name.substr(0, tensor.name.rfind('.'));
    for (const std::string suffix : {".weight", ".scales", ".biases"}) {
      const std::string name = stored_name(family, checkpoint, published + suffix);
      const TensorView* stack = checkpoint.find(name);
      if (stack == nullptr) continue;
      if (stack->shape.size() != 3 || stack->shape.front() != experts.count)
        throw Error({.what = "a stack of experts has another shape than config.json says",
                     .file = stack->file.string(),
                     .where = name,
                     .expected = std::to_string(experts.count) + " matrices",
                     .found = shape_text(stack->shape)});
      checkpoint.tensors.emplace(layer + suffix, stack->part(tensor.expert, experts.count));
      used.insert(name);
    }
    // What config.json says of the stack's bits holds for each part.
    for (const char* key : {"quantization", "quantization_config"}) {
      if (!checkpoint.config.contains(key) || !checkpoint.config[key].is_object()) continue;
      Json& quantization = checkpoint.config[key];
      if (quantization.contains(published)) quantization[layer] = quantization[published];
    }
  }
  for (const std::string& name : used) checkpoint.tensors.erase(checkpoint.tensors.find(name));
}

}  // namespace foretell
