// The flags of the samplers, the same for every command that chooses tokens.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "foretell/generate.h"
#include "sampling/parameters.h"

namespace foretell::cli {

struct SamplerFlags {
  std::vector<std::pair<const SamplingParameter*, double>> numbers;  // those that were given
  bool greedy = false;
  std::string order;
  std::vector<std::string> biases;  // "ID=BIAS"
  std::optional<std::vector<TokenId>> suppress, begin_suppress, forced_last;
  std::optional<TokenId> forced_first;
  std::vector<std::string> bad_words;  // "ID,ID"
  std::vector<std::string> dry_breakers;

  // The flags on top of `base`. Throws UsageError for what cannot be; dry_breakers are left out.
  SamplingOptions over(SamplingOptions base) const;
  // Throws UsageError for a token that a vocabulary of so many does not have.
  void check_tokens(int64_t vocabulary_size) const;
  // Something was asked for that decides how the next token is drawn.
  bool ask_for_a_draw() const;
  // Throws UsageError where a sampler was given that is about the draw; a temperature of 0 is none, nor is `but`.
  void refuse_draw(const std::string& flag, const std::string& hint, std::string_view but = {}) const;
};

// `recommended`: without flags the publisher's settings hold, and the help says so.
void add_sampler_options(CLI::App& command, SamplerFlags& flags, bool recommended);

// For commands that read one text only, where guidance needs two: says so, and turns it off.
void leave_guidance_out(SamplingOptions& options);

// The texts at which DRY's runs end, as ids; only where DRY is on.
void set_dry_breakers(SamplingOptions& options, const SamplerFlags& flags, const Tokenizer* tokenizer);

}  // namespace foretell::cli
