// The flags of ways to choose tokens that look into the model: --penalty-alpha (contrastive search), --dola-layers.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>

#include "cli/options.h"
#include "cli/sampler_options.h"
#include "cli/text_source.h"

namespace foretell::cli {

struct StrategyFlags {
  std::optional<double> penalty_alpha;
  std::optional<DolaLayers> dola;  // an empty list: none
  bool contrasts() const { return penalty_alpha.value_or(0) > 0; }
  bool has_dola() const { return dola && (dola->part != DolaLayers::Part::Listed || !dola->listed.empty()); }

  // Throws UsageError where they do not go together, or not with one of `others`: for both, or for contrastive search.
  void check(const SamplerFlags& samplers, std::span<const GivenFlag> others,
             std::span<const GivenFlag> others_of_contrastive) const;
  // What they ask for and, where they say nothing, the model's publisher, into `options`. `alone`: one text is written
  // and nothing stands in the way of what the publisher recommends.
  void choose(GenerateOptions& options, const SamplerFlags& samplers, const GenerationDefaults& defaults,
              bool alone) const;
};

void add_strategy_options(CLI::App& command, StrategyFlags& flags);
CLI::Option* add_dola_option(CLI::App& command, std::optional<DolaLayers>& dola);

// Throws UsageError where the model has none of the layers, warns where it lacks some, and logs which they are.
void check_dola(const DolaLayers& dola, Model& model, Sequence& sequence, const SamplingOptions& sampling);

}  // namespace foretell::cli
