// `foretell generate`: the text that goes on from a prompt, streamed as it is made.
#include "foretell/generate.h"

#include <spdlog/spdlog.h>

#include <memory>

#include "base/clock.h"
#include "cli/batch_lines.h"
#include "cli/commands.h"
#include "cli/generate_flags.h"
#include "cli/generate_many.h"
#include "cli/generation_view.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/text_source.h"
#include "cli/token_text.h"
#include "generate/check_prompt.h"
#include "generate/guided_predictor.h"

namespace foretell::cli {
namespace {

class GenerateCommand {
 public:
  explicit GenerateCommand(Context& context) : context_(context) {}
  void add_options(CLI::App& command) { add_generate_options(command, context_, flags_); }
  void run();

 private:
  void load(bool ids_only);
  GenerateOptions options_for(const TextSource& source);
  void generate_one(const GenerateOptions& shared, int64_t index);
  void generate_many(const GenerateOptions& shared);
  void generate_lines();
  void resume(const Prompt& prompt, GenerateOptions& options);
  void share_prompt();
  void heal(GenerateOptions& options);
  void keep(const Generation& generation, const TakenBack& taken_back);
  BatchOptions batch_options() const;
  void load_draft();
  void add_guidance(double scale);
  void make_constraint(const Grammar& grammar, const SamplingOptions& sampling);
  void log_options(const GenerateOptions& options) const;

  Context& context_;
  GenerateFlags flags_;

  // While it runs.
  std::optional<TextSource> source_;
  std::optional<Model> model_;
  std::optional<Sequence> sequence_;
  struct Draft {
    Draft(Model loaded, int64_t capacity) : model(std::move(loaded)), sequence(model, capacity) {}
    Model model;
    Sequence sequence;
    ModelPredictor predictor{model, sequence};
  };
  std::unique_ptr<Draft> small_;
  std::optional<Sequence> negative_sequence_;
  std::optional<GuidedPredictor> guided_;
  std::optional<Constraint> constraint_;
  std::optional<PromptHealing> healing_;
  std::vector<TokenId> ids_;
  CachedPrompt cached_;  // what share_prompt() has read
  std::string echoed_;
  std::optional<GenerationView> view_;
};

constexpr auto defaults_help =
    "Without sampler flags the settings of the model's generation_config.json hold (-v shows them): where it says "
    "do_sample\n"
    "true, or gives such settings and does not say, its values with temperature 1 and top-k 50 for those that it "
    "lacks; where\n"
    "it says false, the most probable token is taken; where it says nothing, --temp 0.8 --top-k 40 --top-p 0.95 "
    "--min-p 0.05.\n"
    "Flags go on top of its values; where it has none, samplers that no flag asks for are off.";

GenerateOptions GenerateCommand::options_for(const TextSource& source) {
  GenerateOptions options = generation_options(flags_.generation, source);
  options.sampling.seed = seed_of(context_);
  options.max_seconds = flags_.max_time;
  options.logprobs = flags_.logprobs.value_or(-1);
  options.lookup = flags_.lookup.value_or(-1);
  options.draft_tokens = flags_.draft_tokens.value_or(-1);
  flags_.strategies.choose(options, flags_.generation.samplers, source.defaults(), flags_.one_text());
  return options;
}

// `ids_only`: no text has to become tokens.
void GenerateCommand::load(bool ids_only) {
  const auto start = Clock::now();
  source_.emplace(context_, ids_only);
  model_.emplace(source_->load_model(context_));
  sequence_.emplace(new_sequence(*model_, context_));
  view_.emplace(context_, *source_, flags_.logprobs.has_value());
  view_->load_s = seconds_since(start);
}

void GenerateCommand::run() {
  flags_.check();
  if (flags_.batch_lines) return generate_lines();
  const Prompt prompt = read_prompt(flags_.prompt, !flags_.kept.resumes());
  const std::optional<Grammar> grammar = flags_.form.read();
  if (flags_.beams.beams && grammar)
    throw UsageError({.what = "--beams does not go with a grammar, --regex or a JSON schema"});
  const auto start = Clock::now();
  load(prompt.ids.has_value());
  GenerateOptions options = options_for(*source_);
  if (flags_.kept.resumes())
    resume(prompt, options);
  else
    ids_ = source_->encode(prompt, !flags_.prompt.no_special);
  if (flags_.echo) echoed_ = prompt.ids ? source_->decode(ids_) : prompt.text;
  log_options(options);
  if (options.dola) check_dola(*options.dola, *model_, *sequence_, options.sampling);
  if (prompt.ids) check_ids(ids_, model_->vocabulary_size());
  flags_.generation.samplers.check_tokens(model_->vocabulary_size());
  if (!grammar && !flags_.beams.beams) heal(options);
  if (flags_.draft) load_draft();
  if (flags_.beams.beams) leave_guidance_out(options.sampling);
  if (options.sampling.guidance_scale != 1) {
    add_guidance(options.sampling.guidance_scale);
  } else if (flags_.negative_prompt) {
    spdlog::warn("--negative-prompt has no effect without --guidance-scale");
  }
  if (grammar) make_constraint(*grammar, options.sampling);
  if (flags_.lookup.value_or(0) > 0 && model_->draft_room(*sequence_, 1) == 0)
    spdlog::warn("--lookup does nothing: what the model remembers of a text cannot be turned back");
  view_->load_s = seconds_since(start);

  const InterruptGuard guard;
  if (flags_.kept.prompt_cache) share_prompt();
  if (flags_.beams.beams) {
    const BeamOptions beams = flags_.beams.over(source_->defaults().beams, flags_.num);
    return write_beams(context_, *source_, *view_, *model_, *sequence_, {ids_, echoed_}, options, beams,
                       flags_.generation.stats);
  }
  if (flags_.num > 1 && !small_ && !guided_ && !options.dola) return generate_many(options);
  for (int64_t i = 0; i < flags_.num && !interrupted(); i++) generate_one(options, i);
}

// The text that was kept, and the prompt after it.
void GenerateCommand::resume(const Prompt& prompt, GenerateOptions& options) {
  Session session = load_session(*model_, *flags_.kept.session, sequence_->capacity());
  sequence_.emplace(std::move(session.sequence));
  ids_ = std::move(session.ids);
  const std::vector<TokenId> more = source_->encode(prompt, false);
  ids_.insert(ids_.end(), more.begin(), more.end());
  if (!context_.options.seed) options.sampling.seed = session.seed;
}

void GenerateCommand::share_prompt() {
  check_prompt(sequence_->capacity(), ids_);
  cached_ = use_prompt_cache(*flags_.kept.prompt_cache, *model_, *sequence_, ids_, interrupted);
  if (!flags_.generation.stats) return;
  spdlog::info("{} of {} tokens of the prompt were in {}", cached_.shared, ids_.size(), *flags_.kept.prompt_cache);
}

void GenerateCommand::heal(GenerateOptions& options) {
  if (options.max_tokens == 0 || !flags_.healing.wanted(*source_)) return;
  options.taken_back = healing_.emplace(*source_).take_back(ids_);
}

// The text as it was given out, so that what ended it does not stand in it.
void GenerateCommand::keep(const Generation& generation, const TakenBack& taken) {
  std::vector<TokenId> ids = ids_;
  const bool broken_off = !taken.ids.empty() && !taken.healing->rest_after(taken.bytes, generation.ids).empty();
  const std::vector<TokenId>& more = broken_off ? taken.ids : generation.ids;
  sequence_->truncate(static_cast<int64_t>(ids.size() + (broken_off ? 0 : more.size())));
  ids.insert(ids.end(), more.begin(), more.end());
  save_session(*model_, *sequence_, ids, generation.seed, *flags_.kept.session);
}

void GenerateCommand::make_constraint(const Grammar& grammar, const SamplingOptions& sampling) {
  if (!source_->tokenizer())
    throw Error(
        {.what = "the form of a text needs a tokenizer, and the model has none", .file = source_->path().string()});
  constraint_.emplace(grammar, *source_->tokenizer(), end_ids(flags_.generation, sampling));
}

void GenerateCommand::add_guidance(double scale) {
  if (flags_.kept.session || flags_.kept.prompt_cache)
    throw UsageError({.what = std::string("--guidance-scale does not go with ") +
                              (flags_.kept.session ? "--session" : "--prompt-cache"),
                      .hint = "what is kept is one text, and guidance reads two"});
  if (ids_.empty()) return;  // which is an error of its own
  std::vector<TokenId> negative = {ids_.back()};
  if (flags_.negative_prompt)
    negative = source_->encode({.ids = {}, .text = *flags_.negative_prompt}, !flags_.prompt.no_special);
  if (negative.empty()) throw UsageError({.what = "--negative-prompt has no tokens"});
  negative_sequence_.emplace(new_sequence(*model_, context_));
  guided_.emplace(*model_, *sequence_, *negative_sequence_, std::move(negative), ids_.size(), scale);
  if (flags_.draft || flags_.lookup.value_or(0) > 0) spdlog::warn("nothing is guessed ahead with --guidance-scale");
}

// The model that guesses for the other one.
void GenerateCommand::load_draft() {
  const std::filesystem::path path = find_model(*flags_.draft);
  if (source_->tokenizer()) check_same_tokens(*source_->tokenizer(), source_->path(), load_tokenizer(path), path);
  small_ = std::make_unique<Draft>(load_model(path, context_), sequence_->capacity());
  if (const int64_t size = model_->vocabulary_size(); !source_->tokenizer() && small_->model.vocabulary_size() != size)
    throw Error({.what = "its tokens are not those of " + source_->path().string() + ", for which it should guess",
                 .file = path.string(),
                 .expected = std::to_string(size) + " tokens",
                 .found = std::to_string(small_->model.vocabulary_size())});
  if (small_->model.draft_room(small_->sequence, 1) == 0)
    throw Error({.what = "--draft: this model cannot guess for another one",
                 .file = path.string(),
                 .expected = "attention in each layer",
                 .found = "a state that cannot be turned back"});
  if (model_->draft_room(*sequence_, 1) > 0) return;
  spdlog::warn("--draft does nothing: what the model remembers of a text cannot be turned back");
}

void GenerateCommand::generate_one(const GenerateOptions& shared, int64_t index) {
  GenerateOptions options = shared;
  *options.sampling.seed += static_cast<uint64_t>(index);
  if (constraint_) options.constraint = &*constraint_;
  if (small_) options.draft = &small_->predictor;
  const Terminal& terminal = context_.err_terminal;
  Progress progress("reading the prompt", terminal.interactive && !context_.options.quiet, terminal.width);
  options.on_prefill = [&progress](size_t done, size_t total) { progress.update(done, total); };
  Output& out = context_.out;
  const bool json = context_.options.json;
  std::string last = echoed_;
  const OnText on_text = [&](std::string_view text) {
    out.write(context_.out_terminal.interactive ? harmless(text) : std::string(text));
    out.flush();
    last = text;
  };
  if (!json) {
    const std::string seed = std::to_string(*options.sampling.seed);
    if (flags_.num > 1)
      out.write("--- " + std::to_string(index + 1) + " of " + std::to_string(flags_.num) + ", seed " + seed + "\n");
    out.write(echoed_);
    out.flush();
  }
  const Tokenizer* tokenizer = source_->tokenizer();
  const OnText shown = json ? OnText() : on_text;
  Generation generation = guided_ ? generate(*guided_, tokenizer, ids_, options, shown)
                                  : generate(*model_, tokenizer, *sequence_, ids_, options, shown);
  generation.timing.prefill_s += cached_.seconds;
  generation.timing.prefill_tokens += cached_.read;
  cached_ = {};
  if (json) {
    context_.print_json(view_->document(ids_, echoed_, generation));
  } else {
    if (!source_->tokenizer()) out.write(last = CLI::detail::join(generation.ids, ","));
    if (!last.ends_with('\n')) out.write("\n");
    if (flags_.logprobs) view_->print_logprobs(generation);
  }
  out.flush();
  view_->report(generation, flags_.generation.stats);
  if (flags_.kept.session) keep(generation, options.taken_back);
}

void GenerateCommand::generate_many(const GenerateOptions& shared) {
  GenerateOptions options = shared;
  if (constraint_) options.constraint = &*constraint_;
  Batch batch(*model_, source_->tokenizer(), batch_options());
  batch.share_beginning(*sequence_);
  TextsInTurn texts(context_, *source_, *view_,
                    {.prompt_ids = ids_,
                     .echoed = echoed_,
                     .logprobs = flags_.logprobs.has_value(),
                     .stats = flags_.generation.stats});
  texts.write(batch, options, static_cast<size_t>(flags_.num));
}

BatchOptions GenerateCommand::batch_options() const {
  return {
      .at_once = static_cast<size_t>(flags_.batch_size), .capacity = sequence_->capacity(), .interrupted = interrupted};
}

void GenerateCommand::generate_lines() {
  BatchLines lines(context_, flags_.prompt.file.value_or("-"), flags_.output);
  if (lines.skipped() > 0) spdlog::info("{} lines are in {} already", lines.skipped(), *flags_.output);
  if (lines.done()) return;
  const std::optional<Grammar> grammar = flags_.form.read();
  load(true);
  LineChats chats(context_, flags_.template_file);
  LineDefaults defaults{.options = options_for(*source_),
                        .if_asked = flags_.generation.samplers.over(source_->defaults().if_asked),
                        .special = !flags_.prompt.no_special,
                        .vocabulary_size = model_->vocabulary_size(),
                        .heal = !grammar && flags_.healing.wanted(*source_),
                        .healing = &healing_.emplace(*source_),
                        .chats = &chats};
  set_dry_breakers(defaults.if_asked, flags_.generation.samplers, source_->tokenizer());
  flags_.generation.samplers.check_tokens(model_->vocabulary_size());
  leave_guidance_out(defaults.options.sampling);
  leave_guidance_out(defaults.if_asked);
  log_options(defaults.options);
  if (grammar) make_constraint(*grammar, defaults.options.sampling);
  if (constraint_) defaults.options.constraint = &*constraint_;
  const InterruptGuard guard;
  const auto start = Clock::now();
  Batch batch(*model_, source_->tokenizer(), batch_options());
  lines.run(batch, *source_, *view_, defaults, flags_.echo);
  const double seconds = seconds_since(start);
  if (flags_.generation.stats)
    spdlog::info("loading {:.3f} s; {} tokens in {:.3f} s ({:.1f} tokens/s)", view_->load_s, lines.tokens(), seconds,
                 static_cast<double>(lines.tokens()) / seconds);
  if (lines.failed() > 0) spdlog::warn("{} lines failed: their errors stand in the output", lines.failed());
}

void GenerateCommand::log_options(const GenerateOptions& options) const {
  for (const std::string& note : source_->defaults().notes) spdlog::debug("{}", note);
  const SamplerChain chain(options.sampling);
  std::string samplers;
  for (const auto& sampler : chain.samplers()) samplers += " " + std::string(sampler->name());
  spdlog::debug("samplers:{}", samplers.empty() ? " none" : samplers);
  for (const SamplingParameter& p : sampling_parameters()) {
    if (p.get(options.sampling) != p.get(SamplingOptions{})) spdlog::debug("{} {}", p.flag, p.get(options.sampling));
  }
  spdlog::debug("end tokens: {}", CLI::detail::join(options.sampling.end_ids, ", "));
}

}  // namespace

void add_generate_command(CLI::App& app, Context& context) {
  const auto generate = std::make_shared<GenerateCommand>(context);
  CLI::App& command = add_command(app, context, "generate", "Text that goes on from a prompt",
                                  {"foretell generate -p \"The capital of France is\" -n 20 --greedy",
                                   "echo 'Once upon a time' | foretell generate --temp 0.7 --top-p 0.9 --seed 1",
                                   "foretell generate -p \"Q: 2+2? A:\" --stop \"Q:\" --json"},
                                  [generate] { generate->run(); });
  command.footer(command.get_footer() + "\n\n" + defaults_help);
  generate->add_options(command);
}

}  // namespace foretell::cli
