#include "cli/inspect_model.h"

#include "arch/open_model.h"

namespace foretell::cli {
namespace {

namespace fs = std::filesystem;

bool has_weights(const fs::path& path) {
  const bool config_alone = path.filename() == "config.json";
  if (!fs::is_directory(path) && !config_alone) return true;
  const fs::path folder = config_alone ? path.parent_path() : path;
  // A folder with weights of another kind or a part of them is an error when it is opened with them.
  for (const char* name : {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                           "pytorch_model.bin.index.json", "model.json"}) {
    if (fs::exists(folder / name)) return true;
  }
  return false;
}

}  // namespace

InspectedModel open_inspected(const fs::path& path) {
  InspectedModel model;
  model.path = path;
  model.weights = has_weights(path);
  model.checkpoint = open_model(path, {.tensors = model.weights});
  const ConfigReader config(model.checkpoint.config, model.checkpoint.config_file());
  model.family = &find_family(config);
  model.spec = model.family->describe(config);
  return model;
}

}  // namespace foretell::cli
