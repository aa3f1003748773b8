#include "cli/beam_options.h"

#include <spdlog/fmt/fmt.h>

#include <array>

#include "cli/options.h"
#include "cli/progress.h"
#include "cli/token_text.h"

namespace foretell::cli {

void BeamFlags::check(int64_t num, const SamplerFlags& samplers) const {
  samplers.refuse_draw("--beams", "a beam search draws nothing: it follows the most probable texts");
  if (num > *beams)
    throw UsageError({.what = "--num: a beam search has no more results than beams",
                      .expected = "1 to " + std::to_string(*beams),
                      .found = std::to_string(num)});
  if (groups && *beams % *groups != 0)
    throw UsageError({.what = "--beam-groups: the beams do not fall into so many groups",
                      .expected = "a divisor of " + std::to_string(*beams),
                      .found = std::to_string(*groups)});
}

BeamOptions BeamFlags::over(BeamOptions base, int64_t num) const {
  base.beams = *beams;
  base.num = num;
  base.groups = groups.value_or(*beams % base.groups == 0 ? base.groups : 1);
  base.diversity_penalty = diversity_penalty.value_or(base.diversity_penalty);
  base.length_penalty = length_penalty.value_or(base.length_penalty);
  base.early_stopping = early_stopping.value_or(base.early_stopping);
  return base;
}

void add_beam_options(CLI::App& command, BeamFlags& flags) {
  CLI::Option* const beams = add_number(command, "--beams", flags.beams, Whole{.least = 1, .most = 1024},
                                        "Beam search: go on with the N most probable beginnings at a time; --num gives "
                                        "as many of its\nresults, best first")
                                 ->default_str("off")
                                 ->group("Generation");
  add_number(command, "--beam-groups", flags.groups, Whole{.least = 1, .most = 1024},
             "Let the beams fall into N groups, each of which shuns what those before it take")
      ->default_str("1")
      ->needs(beams)
      ->group("Generation");
  add_number(command, "--diversity-penalty", flags.diversity_penalty, Real{.least = 0, .most = 1e6},
             "Takes N off a token's log-probability for each beam of an earlier group that takes it, too")
      ->default_str("0")
      ->needs(beams)
      ->group("Generation");
  add_number(command, "--length-penalty", flags.length_penalty, Real{.least = -1000, .most = 1000},
             "A result's score is its log-probability / length ^ N: above 0 favours long texts, below 0 short ones")
      ->default_str("1")
      ->needs(beams)
      ->group("Generation");
  static constexpr std::array values = {EarlyStopping::No, EarlyStopping::Yes, EarlyStopping::Never};
  add_choice_by_name(
      command, "--early-stopping", {"false", "true", "never"}, 0,
      [&flags](size_t i) { flags.early_stopping = values[i]; },
      "With as many results as beams the search ends: when the best beam is no better as it is, at once, or when none "
      "can\nbecome better")
      ->needs(beams)
      ->group("Generation");
}

void write_beams(Context& context, const TextSource& source, GenerationView& view, Model& model, Sequence& sequence,
                 const BeamPrompt& prompt, const GenerateOptions& asked, BeamOptions beams, bool stats) {
  const Terminal& terminal = context.err_terminal;
  const bool shown = terminal.interactive && !context.options.quiet;
  Progress reading("reading the prompt", shown, terminal.width), searching("searching", shown, terminal.width);
  GenerateOptions options = asked;
  options.on_prefill = [&](size_t done, size_t total) { reading.update(done, total); };
  beams.on_step = [&](int64_t tokens) {
    searching.update(static_cast<double>(tokens) / static_cast<double>(options.max_tokens));
  };
  std::vector<BeamText> texts = beam_search(model, source.tokenizer(), sequence, prompt.ids, options, beams);
  searching.clear();

  Output& out = context.out;
  for (size_t i = 0; i < texts.size(); i++) {
    auto& [generation, score] = texts[i];
    generation.seed = options.sampling.seed.value_or(0);
    if (context.options.json) {
      auto document = view.document(prompt.ids, prompt.echoed, generation);
      document["score"] = score;
      context.print_json(document);
    } else {
      if (beams.num > 1) out.write(fmt::format("--- {} of {}, score {:.4f}\n", i + 1, texts.size(), score));
      const std::string text =
          prompt.echoed + (source.tokenizer() != nullptr ? generation.text : CLI::detail::join(generation.ids, ","));
      out.write(context.out_terminal.interactive ? harmless(text) : text);
      if (!text.ends_with('\n')) out.write("\n");
    }
    out.flush();
    view.report(generation, stats && i == 0);
  }
}

}  // namespace foretell::cli
