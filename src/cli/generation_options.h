// The flags that say how a text is written, the same for `generate` and `chat`.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/sampler_options.h"
#include "cli/text_source.h"

namespace foretell::cli {

struct GenerationFlags {
  SamplerFlags samplers;
  std::vector<std::string> stop;
  int64_t max_tokens;
  bool ignore_eos = false, stats = false;
};

// -n, whose help is `most`, --stop, --ignore-eos, --stats, and those of the samplers.
void add_generation_options(CLI::App& command, GenerationFlags& flags, const char* most);

// The flags on top of what the model's publisher recommends. The seed is left as it is.
GenerateOptions generation_options(const GenerationFlags& flags, const TextSource& source);

// The seed of --seed, or a random one.
uint64_t seed_of(const Context& context);

// The tokens that end a text which has a form.
std::span<const TokenId> end_ids(const GenerationFlags& flags, const SamplingOptions& sampling);

}  // namespace foretell::cli
