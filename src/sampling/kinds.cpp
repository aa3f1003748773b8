#include "sampling/samplers.h"

namespace foretell {

std::span<const SamplerKind> sampler_kinds() {
  static constexpr SamplerKind kinds[] = {
      {"logit-bias", make_logit_bias, SamplerKind::Group::Constraint},
      {"encoder-repetition-penalty", make_encoder_repetition_penalty},
      {"repetition-penalty", make_repetition_penalty},
      {"presence-penalty", make_presence_penalty},
      {"frequency-penalty", make_frequency_penalty},
      {"no-repeat-ngram", make_no_repeat_ngram},
      {"encoder-no-repeat-ngram", make_encoder_no_repeat_ngram},
      {"dry", make_dry},
      {"min-tokens", make_min_tokens, SamplerKind::Group::Constraint},
      {"forced-first", make_forced_first, SamplerKind::Group::Constraint},
      {"forced-last", make_forced_last, SamplerKind::Group::Constraint},
      {"length-decay", make_length_decay},
      {"suppress", make_suppress, SamplerKind::Group::Constraint},
      {"begin-suppress", make_begin_suppress, SamplerKind::Group::Constraint},
      {"temp", make_temperature},
      {"top-n-sigma", make_top_n_sigma, SamplerKind::Group::Cut},
      {"top-h", make_top_h, SamplerKind::Group::Cut},
      {"top-k", make_top_k, SamplerKind::Group::Cut},
      {"top-p", make_top_p, SamplerKind::Group::Cut},
      {"min-p", make_min_p, SamplerKind::Group::Cut},
      {"typical-p", make_typical_p, SamplerKind::Group::Cut},
      {"epsilon-cutoff", make_epsilon_cutoff, SamplerKind::Group::Cut},
      {"eta-cutoff", make_eta_cutoff, SamplerKind::Group::Cut},
      {"xtc", make_xtc, SamplerKind::Group::Cut},
      {"mirostat", make_mirostat},
      {"watermark", make_watermark},
      {"adaptive-p", make_adaptive_p},
  };
  return kinds;
}

std::vector<std::string> default_sampler_order() {
  std::vector<std::string> names;
  for (const SamplerKind& kind : sampler_kinds()) names.emplace_back(kind.name);
  return names;
}

}  // namespace foretell
