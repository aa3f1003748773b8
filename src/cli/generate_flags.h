// The flags of `generate`.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "cli/beam_options.h"
#include "cli/constraint_options.h"
#include "cli/context.h"
#include "cli/generation_options.h"
#include "cli/healing_options.h"
#include "cli/prompt.h"
#include "cli/session_options.h"
#include "cli/strategy_options.h"

namespace foretell::cli {

struct GenerateFlags {
  PromptOptions prompt;
  GenerationFlags generation{.samplers = {}, .stop = {}, .max_tokens = 512};
  ConstraintFlags form;
  SessionFlags kept;
  BeamFlags beams;
  StrategyFlags strategies;
  HealingFlag healing;
  std::optional<int64_t> logprobs, lookup, draft_tokens;
  std::optional<std::string> draft, negative_prompt;
  int64_t num = 1, batch_size = 16;
  double max_time = 0;
  bool batch_lines = false;
  std::optional<std::string> output, template_file;  // of batch_lines
  bool echo = false;

  // Throws UsageError for flags that do not go together.
  void check() const;
  // Nothing that is written together with other texts, searched for or kept.
  bool one_text() const;

 private:
  void check_lines() const;
  void check_beams() const;
  void check_strategies() const;
};

void add_generate_options(CLI::App& command, Context& context, GenerateFlags& flags);

}  // namespace foretell::cli
