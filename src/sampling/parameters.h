// The numbers of SamplingOptions as data: from these rows come the command line's flags, the range checks and what is
// read from generation_config.json.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "foretell/sampling.h"

namespace foretell {

struct SamplingParameter {
  std::string_view flag;        // "top-k"
  std::string_view sampler;     // that it belongs to, by its name in SamplingOptions::order; empty: several
  std::string_view config_key;  // in generation_config.json; empty: not there
  std::variant<double SamplingOptions::*, int64_t SamplingOptions::*> member;
  double min = 0, max = 0;
  bool above_min = false;  // min itself is out of the range
  std::string_view help;
  bool draw_only = false;  // transformers uses it only where it draws (do_sample), not in greedy search

  double get(const SamplingOptions& options) const;
  void set(SamplingOptions& options, double value) const;
  bool is_integer() const { return std::holds_alternative<int64_t SamplingOptions::*>(member); }
  bool contains(double value) const;
  std::string range() const;  // "a number from 0 to 1"
};

std::span<const SamplingParameter> sampling_parameters();

// It says how the next token is drawn, not what is changed before.
bool decides_the_draw(const SamplingParameter& parameter);
// That, or it changes the draw once something else has decided it.
bool is_about_the_draw(const SamplingParameter& parameter);
// The same options, but for all that is about the draw, which is off.
SamplingOptions without_draw(SamplingOptions options);

// Throws Error (where: the flag) for the first value that is out of its range.
void check_ranges(const SamplingOptions& options);

}  // namespace foretell
