// What the config.json of many families have in common.
#pragma once

#include "arch/config_reader.h"
#include "arch/spec.h"

namespace foretell {

// Names as transformers' ACT2FN has them.
Activation read_activation(const ConfigReader& config, std::string_view key, std::string_view fallback);

// Reads rope_theta and rope_scaling, or rope_parameters (the newer spelling), into a rotary embedding of `dims`
// dimensions. `context` is max_position_embeddings.
Rotary read_rotary(const ConfigReader& config, int64_t dims, int64_t context, double default_theta = 10000);

// The window of each layer by layer_types ("full_attention" or "sliding_attention"); where that key is absent,
// `slides(layer)` says which layers have the window.
template <class Slides>
std::vector<int64_t> read_windows(const ConfigReader& config, int64_t layers, int64_t window, Slides slides) {
  std::vector<int64_t> windows(static_cast<size_t>(layers), 0);
  const auto types = config.texts("layer_types");
  if (!types.empty() && static_cast<int64_t>(types.size()) != layers)
    throw config.error("layer_types", "a list has another length", std::to_string(layers),
                       std::to_string(types.size()));
  for (size_t i = 0; i < windows.size(); i++) {
    bool sliding = types.empty() ? slides(static_cast<int64_t>(i)) : types[i] == "sliding_attention";
    if (!types.empty() && !sliding && types[i] != "full_attention")
      throw config.error("layer_types", "unknown value", "full_attention or sliding_attention", "\"" + types[i] + "\"");
    if (sliding && window == 0)
      throw config.error("sliding_window", "a key is missing", "a window for the layers that slide", "nothing");
    windows[i] = sliding ? window : 0;
  }
  return windows;
}

}  // namespace foretell
