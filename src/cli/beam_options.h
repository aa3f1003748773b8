// The flags of a beam search, and what is shown of its results.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/generation_view.h"
#include "cli/sampler_options.h"
#include "cli/text_source.h"
#include "foretell/beam_search.h"

namespace foretell::cli {

struct BeamFlags {
  std::optional<int64_t> beams;  // none: no beam search
  std::optional<int64_t> groups;
  std::optional<double> diversity_penalty, length_penalty;
  std::optional<EarlyStopping> early_stopping;

  // Throws UsageError where so many results are more than the beams, and for samplers that draw.
  void check(int64_t num, const SamplerFlags& samplers) const;
  // The flags on top of what the model's publisher recommends, for so many results.
  BeamOptions over(BeamOptions base, int64_t num) const;
};

void add_beam_options(CLI::App& command, BeamFlags& flags);

struct BeamPrompt {
  const std::vector<TokenId>& ids;
  const std::string& echoed;
};
// Searches, and prints the results, best first.
void write_beams(Context& context, const TextSource& source, GenerationView& view, Model& model, Sequence& sequence,
                 const BeamPrompt& prompt, const GenerateOptions& options, BeamOptions beams, bool stats);

}  // namespace foretell::cli
