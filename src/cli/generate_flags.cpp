#include "cli/generate_flags.h"

#include "cli/options.h"

namespace foretell::cli {

void add_generate_options(CLI::App& command, Context& context, GenerateFlags& flags) {
  add_prompt_options(command, flags.prompt);
  add_generation_options(command, flags.generation, "The most tokens to generate");
  add_number(command, "--max-time", flags.max_time, Real{.least = 0},
             "End after so many seconds, loading left out; 0: never")
      ->group("Generation");
  add_switch(command, "--echo", flags.echo, "Print the prompt before the text")->group("Generation");
  add_number(command, "--num", flags.num, Whole{.least = 1},
             "So many texts, written at the same time, with seeds that count up")
      ->group("Generation");
  add_beam_options(command, flags.beams);
  add_strategy_options(command, flags.strategies);
  add_switch(command, "--batch-lines", flags.batch_lines,
             "The file, or standard input, is JSON Lines: {\"prompt\": TEXT} each, or {\"messages\": [...]},\n"
             "with settings of its own where wanted; JSON Lines come out, in the same order")
      ->group("Generation");
  add_text(command, "-o,--output", flags.output, "FILE",
           "Where --batch-lines writes to; what stands there already is not written again")
      ->group("Generation");
  add_text(command, "--template", flags.template_file, "FILE",
           "For messages in --batch-lines another chat template: a file, or the name of one that the model has")
      ->group("Generation");
  add_number(command, "--batch-size", flags.batch_size, Whole{.least = 1, .most = 128},
             "Of several texts so many at the same time")
      ->group("Generation");
  add_number(command, "--logprobs", flags.logprobs, Whole{.least = 0},
             "For each token its log-probability (temperature 1, no samplers) and those of the N best")
      ->default_str("off")
      ->group("Generation");
  add_number(command, "--lookup", flags.lookup, Whole{.least = 0},
             "Where the end of the text stood in it before, check up to N tokens at once that followed it there: the "
             "same text,\nsooner. 0: never; by default as many as pay")
      ->default_str("auto")
      ->group("Generation");
  add_text(command, "--draft", flags.draft, "MODEL",
           "A smaller model with the same tokens that guesses ahead: the same text, sooner")
      ->group("Generation");
  add_number(command, "--draft-tokens", flags.draft_tokens, Whole{.least = 1},
             "It guesses N tokens at a time; by default as many as pay")
      ->default_str("auto")
      ->group("Generation");
  add_text(command, "--negative-prompt", flags.negative_prompt, "TEXT",
           "What --guidance-scale leads away from; without it the prompt's last token")
      ->group("Generation");
  add_session_options(command, flags.kept);
  CLI::Option* healing = add_healing_option(command, flags.healing);
  for (CLI::Option* form : add_constraint_options(command, flags.form)) healing->excludes(form);
  add_seed_option(command, context);
  add_model_option(command, context);
  add_compute_options(command, context);
  add_output_options(command, context);
}

void GenerateFlags::check() const {
  check_strategies();
  if (batch_lines) return check_lines();
  if (output) throw UsageError({.what = "--output is for --batch-lines", .hint = "> FILE keeps a text"});
  if (kept.session && (num > 1 || kept.prompt_cache))
    throw UsageError({.what = std::string("--session does not go with ") + (num > 1 ? "--num" : "--prompt-cache")});
  if (beams.beams) check_beams();
}

bool GenerateFlags::one_text() const {
  return !batch_lines && !beams.beams && num == 1 && !draft && !kept.session && !kept.prompt_cache;
}

void GenerateFlags::check_lines() const {
  const GivenFlag others[] = {{num > 1, "--num"},
                              {beams.beams.has_value(), "--beams"},
                              {draft.has_value(), "--draft"},
                              {prompt.text.has_value(), "--prompt"},
                              {prompt.ids.has_value(), "--ids"},
                              {kept.session.has_value(), "--session"},
                              {kept.prompt_cache.has_value(), "--prompt-cache"}};
  refuse_others(others, "--batch-lines");
}

void GenerateFlags::check_beams() const {
  const GivenFlag others[] = {{kept.session.has_value(), "--session"},
                              {draft.has_value(), "--draft"},
                              {negative_prompt.has_value(), "--negative-prompt"},
                              {lookup.value_or(0) > 0, "--lookup"},
                              {healing.asked, "--token-healing"},
                              {logprobs.has_value(), "--logprobs"}};
  refuse_others(others, "--beams");
  beams.check(num, generation.samplers);
}

void GenerateFlags::check_strategies() const {
  const GivenFlag others[] = {{batch_lines, "--batch-lines"},
                              {beams.beams.has_value(), "--beams"},
                              {draft.has_value(), "--draft"},
                              {lookup.value_or(0) > 0, "--lookup"}};
  const GivenFlag of_contrastive[] = {
      {num > 1, "--num"}, {kept.session.has_value(), "--session"}, {kept.prompt_cache.has_value(), "--prompt-cache"}};
  strategies.check(generation.samplers, others, of_contrastive);
}

}  // namespace foretell::cli
