#include "sampling/parameters.h"

#include <cmath>
#include <sstream>

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
      {"temp", "temperature", &O::temperature, 0, large, false,
       "divide the logits by T; 0: always the most probable token", true},
      {"top-k", "top_k", &O::top_k, 0, large, false, "keep the K most probable tokens; 0: all", true},
      {"top-p", "top_p", &O::top_p, 0, 1, false, "keep the most probable tokens that together reach P; 1: all", true},
      {"min-p", "min_p", &O::min_p, 0, 1, false, "keep tokens at least P times as probable as the best; 0: all", true},
      {"typical-p", "typical_p", &O::typical_p, 0, 1, false,
       "keep the tokens whose surprise is nearest to the average and that together reach P; 1: all", true},
      {"epsilon-cutoff", "epsilon_cutoff", &O::epsilon_cutoff, 0, 1, false,
       "keep tokens with a probability of at least E; 0: all", true},
      {"eta-cutoff", "eta_cutoff", &O::eta_cutoff, 0, 1, false,
       "the same, with less than E where the distribution is flat; 0: all", true},
      {"repetition-penalty", "repetition_penalty", &O::repetition_penalty, 0, large, true,
       "make tokens that are there already less likely: divide positive and multiply negative logits by X; 1: off"},
      {"penalty-last-n", "", &O::penalty_last_n, -1, large, false,
       "how many of the last tokens the penalties look at; -1: the whole text"},
      {"no-repeat-ngram", "no_repeat_ngram_size", &O::no_repeat_ngram, 0, large, false,
       "let no run of N tokens come twice; 0: any may"},
      {"min-tokens", "min_new_tokens", &O::min_tokens, 0, large, false, "do not end before N tokens are there"},
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
  if (above_min) {
    text += "above " + number(min);
    return max < large ? text + ", at most " + number(max) : text;
  }
  return text + (max < large ? "from " + number(min) + " to " + number(max) : "of at least " + number(min));
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
