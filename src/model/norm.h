// RMSNorm (Zhang and Sennrich, arXiv:1910.07467) and LayerNorm (Ba et al., arXiv:1607.06450).
#pragma once

#include "arch/spec.h"
#include "kernels/table.h"

namespace foretell {

// out = the norm of x[n]; all vectors are padded with zeros to a multiple of 16. `out` may be x.
inline void apply_norm(const kernels::Table& table, const NormSpec& spec, const float* weight, const float* bias,
                       const float* x, int64_t n, float* out) {
  if (spec.kind == NormSpec::Kind::Rms) {
    table.rms_norm(x, weight, n, spec.epsilon, out);
  } else {
    table.layer_norm(x, weight, bias, n, spec.epsilon, out);
  }
}

}  // namespace foretell
