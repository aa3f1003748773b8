// Llama's shape with latent attention, for the families that share it.
#pragma once

#include "arch/llama.h"

namespace foretell {

// The values of keys that config.json leaves out.
struct LatentDefaults {
  int64_t query_rank = 0, kv_rank = 0;
  int64_t plain = 0, turning = 0;  // dimensions of a head that do not turn, and those that do
  int64_t value = 0;               // 0: hidden / heads
};

ModelSpec latent_spec(const ConfigReader& config, LlamaDefaults defaults, const LatentDefaults& latent,
                      Rotary::Pairing pairing);
// These names, and those of latent attention.
std::vector<RoleName> with_latent_names(std::vector<RoleName> names);

}  // namespace foretell
