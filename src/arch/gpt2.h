// GPT-2's shape, for the families that share it: LayerNorms and matrices with biases, one matrix each into and out of
// the MLP.
#pragma once

#include <functional>

#include "arch/family.h"

namespace foretell {

struct GptShape {
  int64_t vocabulary = 0, hidden = 0, context = 0, layers = 0, heads = 0;
  int64_t intermediate = 0;  // 0: 4 * hidden
  double epsilon = 1e-5;
  Activation activation = Activation::Gelu;
  bool tied = true;
};

// Throws Error where the heads do not share `hidden` out evenly.
ModelSpec gpt_spec(const ConfigReader& config, const GptShape& shape);

// Changes each layer's attention and MLP.
void for_each_layer(ModelSpec& spec, const std::function<void(LayerSpec&, Attention&, Dense&)>& change);

}  // namespace foretell
