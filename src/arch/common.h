// What the config.json of many families have in common.
#pragma once

#include <functional>

#include "arch/config_reader.h"
#include "arch/spec.h"

namespace foretell {

// Names as transformers' ACT2FN has them.
Activation read_activation(const ConfigReader& config, std::string_view key, std::string_view fallback);

// A LayerNorm with bias, and the epsilon that `key` gives.
NormSpec read_layer_norm(const ConfigReader& config, std::string_view key, double fallback = 1e-5);

// What a family's configuration class says of keys that are absent, and which keys it knows.
struct RotaryDefaults {
  double theta = 10000;
  double partial = 0;                // partial_rotary_factor; 0: the family has no such key, and whole heads turn
  int64_t original_context = 0;      // original_max_position_embeddings; 0: max_position_embeddings
  std::string_view layer_type = {};  // rope_parameters may hold an object for each layer type: the one of this
};

// Reads rope_theta and rope_scaling, or rope_parameters (the newer spelling), into the rotary embedding of heads of
// `head_dim` dimensions. `context` is max_position_embeddings.
Rotary read_rotary(const ConfigReader& config, int64_t head_dim, int64_t context, const RotaryDefaults& defaults = {});

// ALiBi's slope of each head (Press et al., arXiv:2108.12409): 2^(-max_bias * i / n) for i = 1 to n heads where n is a
// power of two. Else the next smaller power's slopes and, after them, every other one of the next larger power's, as
// the authors' code and build_alibi_tensor in transformers' modeling_bloom.py have it.
std::vector<float> alibi_slopes(int64_t heads, double max_bias = 8);

// Whether each layer is of `type` by layer_types, which must say `type` or `other` of each of them; where that key is
// absent, `otherwise(layer)` says so. Throws Error for a list of another length or with another type.
std::vector<bool> layers_of_type(const ConfigReader& config, int64_t layers, std::string_view type,
                                 std::string_view other, const std::function<bool(int64_t layer)>& otherwise);

// The window of each layer, 0 for none, by layer_types ("full_attention" or "sliding_attention"); where that key is
// absent, `slides(layer)` says which layers have the window.
std::vector<int64_t> read_windows(const ConfigReader& config, int64_t layers, int64_t window,
                                  const std::function<bool(int64_t layer)>& slides);

}  // namespace foretell
