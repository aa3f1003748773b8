#include "sampling/samplers.h"

namespace foretell {

std::span<const SamplerKind> sampler_kinds() {
  static constexpr SamplerKind kinds[] = {
      {"logit-bias", make_logit_bias},
      {"repetition-penalty", make_repetition_penalty},
      {"no-repeat-ngram", make_no_repeat_ngram},
      {"min-tokens", make_min_tokens},
      {"suppress", make_suppress},
      {"temp", make_temperature},
      {"top-k", make_top_k},
      {"top-p", make_top_p},
      {"min-p", make_min_p},
      {"typical-p", make_typical_p},
      {"epsilon-cutoff", make_epsilon_cutoff},
      {"eta-cutoff", make_eta_cutoff},
  };
  return kinds;
}

std::vector<std::string> default_sampler_order() {
  std::vector<std::string> names;
  for (const SamplerKind& kind : sampler_kinds()) names.emplace_back(kind.name);
  return names;
}

}  // namespace foretell
