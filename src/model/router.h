// Which experts a token goes through, and with what weights (Shazeer et al., arXiv:1701.06538).
#pragma once

#include <cstdint>
#include <vector>

#include "arch/spec.h"

namespace foretell {

struct Choice {
  int64_t expert = 0;
  float weight = 0;
};

// Kept by the caller so that nothing is allocated per token.
struct RouterScratch {
  std::vector<float> scores, of_group, weights;
  std::vector<bool> kept;  // groups
};

// From the router's logits [count] to the choices [chosen]. `correction` is [count], or null. Equal scores: the lower
// number. `logits` are overwritten; `scales` of the weights are [count], or null.
void choose_experts(const Experts& experts, float* logits, const float* correction, const float* scales,
                    Choice* choices, RouterScratch& scratch);

}  // namespace foretell
