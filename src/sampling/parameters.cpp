#include "sampling/parameters.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "sampling/samplers.h"

namespace foretell {
namespace {

constexpr double large = 1e9;  // for values whose range has no end; integers stay exact

std::string number(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

}  // namespace

std::span<const SamplingParameter> sampling_parameters() {
  using O = SamplingOptions;
  static constexpr SamplingParameter parameters[] = {
      {"temp", "temp", "temperature", &O::temperature, 0, large, false,
       "divide the logits by N; 0: always the most probable token", true},
      {"dynatemp-range", "temp", "", &O::dynatemp_range, 0, large, false,
       "let the temperature move by N up and down with the entropy; 0: it stays"},
      {"dynatemp-exponent", "temp", "", &O::dynatemp_exponent, 0, large, false,
       "how it moves: (entropy / greatest entropy) ^ N"},
      {"top-n-sigma", "top-n-sigma", "", &O::top_n_sigma, 0, large, false,
       "keep logits at most N standard deviations below the best; 0: all"},
      {"top-h", "top-h", "top_h", &O::top_h, 0, 1, false,
       "of the 100 best keep the first whose share of their entropy is at most N; 0: all", true},
      {"top-k", "top-k", "top_k", &O::top_k, 0, large, false, "keep the N most probable tokens; 0: all", true},
      {"top-p", "top-p", "top_p", &O::top_p, 0, 1, false, "keep the most probable tokens that together reach N; 1: all",
       true},
      {"min-p", "min-p", "min_p", &O::min_p, 0, 1, false,
       "keep tokens at least N times as probable as the best; 0: all", true},
      {"typical-p", "typical-p", "typical_p", &O::typical_p, 0, 1, false,
       "keep the tokens whose surprise is nearest to the average and that together reach N; 1: all", true},
      {"epsilon-cutoff", "epsilon-cutoff", "epsilon_cutoff", &O::epsilon_cutoff, 0, 1, false,
       "keep tokens with a probability of at least N; 0: all", true},
      {"eta-cutoff", "eta-cutoff", "eta_cutoff", &O::eta_cutoff, 0, 1, false,
       "the same, with less than N where the distribution is flat; 0: all", true},
      {"xtc-probability", "xtc", "", &O::xtc_probability, 0, 1, false,
       "how often the most probable tokens are excluded; 0: never"},
      {"xtc-threshold", "xtc", "", &O::xtc_threshold, 0, 1, false,
       "those that are: from this probability on, but for the least probable of them"},
      {"mirostat", "mirostat", "", &O::mirostat, 0, 2, false,
       "1 or 2: Mirostat, in place of the cuts (top-k, top-p and the like); 0: off"},
      {"mirostat-tau", "mirostat", "", &O::mirostat_tau, 0, large, false,
       "the surprise that Mirostat aims at, in bits"},
      {"mirostat-eta", "mirostat", "", &O::mirostat_eta, 0, large, false, "how fast Mirostat learns"},
      {"adaptive-target", "adaptive-p", "", &O::adaptive_target, -1, 1, false,
       "prefer tokens so probable that what is drawn has N on average; below 0: off"},
      {"adaptive-decay", "adaptive-p", "", &O::adaptive_decay, 0, 0.99, false, "how much of that average stays"},
      {"repetition-penalty", "repetition-penalty", "repetition_penalty", &O::repetition_penalty, 0, large, true,
       "make tokens of the text less likely: divide positive and multiply negative logits by N; 1: off"},
      {"presence-penalty", "presence-penalty", "", &O::presence_penalty, -large, large, false,
       "take N off the logits of tokens of the text; 0: off"},
      {"frequency-penalty", "frequency-penalty", "", &O::frequency_penalty, -large, large, false,
       "take N off for each time that they are there; 0: off"},
      {"penalty-last-n", "", "", &O::penalty_last_n, -1, large, false,
       "how many of the last tokens these penalties look at; -1: the whole text"},
      {"no-repeat-ngram", "no-repeat-ngram", "no_repeat_ngram_size", &O::no_repeat_ngram, 0, large, false,
       "let no run of N tokens come twice; 0: any may"},
      {"encoder-repetition-penalty", "encoder-repetition-penalty", "encoder_repetition_penalty",
       &O::encoder_repetition_penalty, 0, large, true, "make tokens of the prompt more likely, below 1 less; 1: off"},
      {"encoder-no-repeat-ngram", "encoder-no-repeat-ngram", "encoder_no_repeat_ngram_size",
       &O::encoder_no_repeat_ngram, 0, large, false, "let no run of N tokens of the prompt come again; 0: any may"},
      {"dry-multiplier", "dry", "", &O::dry_multiplier, 0, large, false,
       "DRY: take N * base ^ (length - allowed length) off tokens that would repeat a run of the text; 0: off"},
      {"dry-base", "dry", "", &O::dry_base, 1, large, false, "DRY's base"},
      {"dry-allowed-length", "dry", "", &O::dry_allowed_length, 0, large, false, "shorter runs may be repeated"},
      {"dry-penalty-last-n", "dry", "", &O::dry_penalty_last_n, -1, large, false,
       "how many of the last tokens DRY looks at; -1: the whole text"},
      {"min-tokens", "min-tokens", "min_new_tokens", &O::min_tokens, 0, large, false,
       "do not end before N tokens are there"},
      {"min-length", "min-tokens", "min_length", &O::min_length, 0, large, false,
       "do not end before prompt and text are N tokens"},
      {"length-decay-factor", "length-decay", "", &O::length_decay_factor, 0, large, true,
       "add |logit| * (N ^ tokens beyond the start - 1) to end tokens; 1: off"},
      {"length-decay-start", "length-decay", "", &O::length_decay_start, 0, large, false,
       "the text's length where that starts"},
      {"guidance-scale", "", "guidance_scale", &O::guidance_scale, 0, large, false,
       "classifier-free guidance: go N times as far from --negative-prompt's prediction; 1: off"},
      {"watermark-bias", "watermark", "", &O::watermark_bias, -large, large, false,
       "add N to the logits of green tokens, which a detector counts; 0: off"},
      {"watermark-ratio", "watermark", "", &O::watermark_ratio, 0, 1, false, "the part of all tokens that is green"},
      {"watermark-key", "watermark", "", &O::watermark_key, 1, large, false, "a number that the detector knows"},
      {"watermark-context", "watermark", "", &O::watermark_context, 1, large, false,
       "how many tokens choose which are green"},
      {"watermark-self-hash", "watermark", "", &O::watermark_self_hash, 0, 1, false,
       "1: the token itself is one of them"},
  };
  return parameters;
}

double SamplingParameter::get(const SamplingOptions& options) const {
  return std::visit([&](auto m) { return static_cast<double>(options.*m); }, member);
}

void SamplingParameter::set(SamplingOptions& options, double value) const {
  std::visit([&](auto m) { options.*m = static_cast<std::decay_t<decltype(options.*m)>>(value); }, member);
}

bool SamplingParameter::contains(double value) const {
  if (is_integer() && value != std::floor(value)) return false;
  return (above_min ? value > min : value >= min) && value <= max;
}

std::string SamplingParameter::range() const {
  std::string text = is_integer() ? "a whole number " : "a number ";
  if (min <= -large && max >= large) return is_integer() ? "a whole number" : "a number";
  if (above_min) {
    text += "above " + number(min);
    return max < large ? text + ", at most " + number(max) : text;
  }
  return text + (max < large ? "from " + number(min) + " to " + number(max) : "of at least " + number(min));
}

bool decides_the_draw(const SamplingParameter& parameter) {
  const auto kinds = sampler_kinds();
  const auto kind =
      std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.name == parameter.sampler; });
  return kind != kinds.end() &&
         (kind->group == SamplerKind::Group::Cut || kind->name == "temp" || kind->name == "mirostat");
}

bool is_about_the_draw(const SamplingParameter& parameter) {
  return decides_the_draw(parameter) || parameter.sampler == "adaptive-p";
}

SamplingOptions without_draw(SamplingOptions options) {
  for (const SamplingParameter& p : sampling_parameters())
    if (is_about_the_draw(p)) p.set(options, p.get(SamplingOptions{}));
  return options;
}

void check_ranges(const SamplingOptions& options) {
  for (const SamplingParameter& p : sampling_parameters()) {
    const double value = p.get(options);
    if (p.contains(value)) continue;
    throw Error({.what = "a sampling option is out of its range",
                 .where = std::string(p.flag),
                 .expected = p.range(),
                 .found = number(value)});
  }
}

}  // namespace foretell
