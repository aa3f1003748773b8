// What config.json says about affine-quantized layers, in the form that MLX writes:
//   "quantization": {"group_size": 64, "bits": 4, "mode": "affine", LAYER: {"group_size": 32, "bits": 8}, LAYER: false}
// or the same under "quantization_config".
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"

namespace foretell {

struct LayerQuantization {
  enum class Kind {
    None,      // config.json speaks of no quantization, or says that this layer has none
    Possible,  // the layer is quantized so if it has scales
    Required,  // the layer is quantized so
  };
  Kind kind = Kind::None;
  int bits = 0, group_size = 0;
  std::string key;  // where it is said, for errors: "quantization.model.embed_tokens"
};

// Of a layer, by the name of its weight without ".weight". Throws Error where the config says what is unknown.
LayerQuantization layer_quantization(const Checkpoint& checkpoint, const std::string& layer);

// Throws Error where the weights were quantized by a method that is not known, so that its tensors make no sense.
void check_quantization_method(const Checkpoint& checkpoint);

}  // namespace foretell
