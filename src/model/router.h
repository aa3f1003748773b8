// Which experts a token goes through, and with what weights (Shazeer et al., arXiv:1701.06538).
#pragma once

#include <cstdint>

#include "arch/spec.h"

namespace foretell {

struct Choice {
  int64_t expert = 0;
  float weight = 0;
};

// From the router's logits [count] to the choices [chosen]. `correction` is [count], or null. Equal scores: the lower
// number. `logits` are overwritten.
void choose_experts(const Experts& experts, float* logits, const float* correction, Choice* choices);

}  // namespace foretell
