#include "cli/generation_options.h"

#include "cli/interrupt.h"
#include "cli/options.h"

namespace foretell::cli {

void add_generation_options(CLI::App& command, GenerationFlags& flags, const char* most) {
  add_number(command, "-n,--max-tokens", flags.max_tokens, Whole{.least = 0}, most)->group("Generation");
  add_texts(command, "--stop", flags.stop, "TEXT", "End before this text; it is not printed")->group("Generation");
  add_switch(command, "--ignore-eos", flags.ignore_eos, "The end token is a token like others")->group("Generation");
  add_switch(command, "--stats", flags.stats, "Say on stderr how long it took")->group("Generation");
  add_sampler_options(command, flags.samplers, true);
}

GenerateOptions generation_options(const GenerationFlags& flags, const TextSource& source) {
  GenerateOptions options;
  const GenerationDefaults& defaults = source.defaults();
  options.sampling = flags.samplers.over(flags.samplers.ask_for_a_draw() ? defaults.if_asked : defaults.sampling);
  set_dry_breakers(options.sampling, flags.samplers, source.tokenizer());
  options.max_tokens = flags.max_tokens;
  options.stop = flags.stop;
  options.ignore_end = flags.ignore_eos;
  options.interrupted = interrupted;
  if (!flags.stop.empty() && !source.tokenizer())
    throw Error({.what = "--stop needs a tokenizer, and the model has none", .file = source.path().string()});
  return options;
}

uint64_t seed_of(const Context& context) { return context.options.seed ? *context.options.seed : random_seed(); }

std::span<const TokenId> end_ids(const GenerationFlags& flags, const SamplingOptions& sampling) {
  return flags.ignore_eos ? std::span<const TokenId>() : sampling.end_ids;
}

}  // namespace foretell::cli
