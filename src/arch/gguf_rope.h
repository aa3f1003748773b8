// Llama 3's rotary scaling from the factors that GGUF stores instead of it.
#pragma once

#include <optional>
#include <span>

#include "arch/spec.h"

namespace foretell {

// `factors` [dims / 2] divide the frequencies theta^(-2i / dims). Nothing where they are not of Llama 3's form: 1 for
// short waves, one factor for long ones, and between them 1 / ((1 - s) / factor + s) with s linear in 1 / wavelength.
// Several settings give the same factors; the one with low_freq_factor 1 and high_freq_factor 4 is taken where it does.
std::optional<Llama3Scaling> llama3_scaling(std::span<const float> factors, double theta);

}  // namespace foretell
