#include "sampling/samplers.h"

namespace foretell {

std::span<const SamplerKind> sampler_kinds() {
  static constexpr SamplerKind kinds[] = {
      {"logit-bias", make_logit_bias},
      {"repetition-penalty", make_repetition_penalty},
      {"presence-penalty", make_presence_penalty},
      {"frequency-penalty", make_frequency_penalty},
      {"no-repeat-ngram", make_no_repeat_ngram},
      {"dry", make_dry},
      {"min-tokens", make_min_tokens},
      {"suppress", make_suppress},
      {"temp", make_temperature},
      {"top-n-sigma", make_top_n_sigma, true},
      {"top-k", make_top_k, true},
      {"top-p", make_top_p, true},
      {"min-p", make_min_p, true},
      {"typical-p", make_typical_p, true},
      {"epsilon-cutoff", make_epsilon_cutoff, true},
      {"eta-cutoff", make_eta_cutoff, true},
      {"xtc", make_xtc, true},
      {"mirostat", make_mirostat},
  };
  return kinds;
}

std::vector<std::string> default_sampler_order() {
  std::vector<std::string> names;
  for (const SamplerKind& kind : sampler_kinds()) names.emplace_back(kind.name);
  return names;
}

}  // namespace foretell
