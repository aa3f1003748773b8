// What the temperature, fixed or dynamic, does to the logits.
#pragma once

#include <memory>

#include "foretell/sampling.h"

namespace foretell {

void apply_temperature(Candidates& candidates, double temperature);
std::unique_ptr<Sampler> make_dynamic_temperature(const SamplingOptions& options);

}  // namespace foretell
