// `foretell generate`: the text that goes on from a prompt, streamed as it is made.
#include "foretell/generate.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/constraint_options.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "cli/sampler_options.h"
#include "cli/text_source.h"
#include "cli/token_text.h"

namespace foretell::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class GenerateCommand {
 public:
  explicit GenerateCommand(Context& context) : context_(context) {}
  void add_options(CLI::App& command);
  void run();

 private:
  GenerateOptions options_for(const TextSource& source);
  void generate_one(const GenerateOptions& options, int64_t index);
  Json document(const Generation& generation) const;
  Json logprobs(const Generation& generation) const;
  void print_logprobs(const Generation& generation);
  void report(const Generation& generation) const;
  void load_draft();
  void make_constraint(const Grammar& grammar, const SamplingOptions& sampling);
  void log_options(const GenerateOptions& options) const;

  Context& context_;
  PromptOptions prompt_;
  SamplerFlags samplers_;
  ConstraintFlags form_;
  std::vector<std::string> stop_;
  std::optional<int64_t> logprobs_, lookup_, draft_tokens_;
  std::optional<std::string> draft_;
  int64_t max_tokens_ = 512, num_ = 1;
  bool echo_ = false, ignore_eos_ = false, stats_ = false;

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
  std::optional<Constraint> constraint_;
  std::vector<TokenId> ids_;
  std::string echoed_;
  double load_s_ = 0;
};

constexpr auto defaults_help =
    "Without sampler flags the settings of the model's generation_config.json hold (-v shows them): where it says "
    "do_sample\n"
    "true, or gives such settings and does not say, its values with temperature 1 and top-k 50 for those that it "
    "lacks; where\n"
    "it says false, the most probable token is taken; where it says nothing, --temp 0.8 --top-k 40 --top-p 0.95 "
    "--min-p 0.05.\n"
    "Flags go on top of its values; where it has none, samplers that no flag asks for are off.";

void GenerateCommand::add_options(CLI::App& command) {
  add_prompt_options(command, prompt_);
  add_number(command, "-n,--max-tokens", max_tokens_, Whole{.least = 0}, "The most tokens to generate")
      ->group("Generation");
  add_texts(command, "--stop", stop_, "TEXT", "End before this text; it is not printed")->group("Generation");
  add_switch(command, "--ignore-eos", ignore_eos_, "The end token is a token like others")->group("Generation");
  add_switch(command, "--echo", echo_, "Print the prompt before the text")->group("Generation");
  add_number(command, "--num", num_, Whole{.least = 1}, "So many texts, one after the other, with seeds that count up")
      ->group("Generation");
  add_number(command, "--logprobs", logprobs_, Whole{.least = 0},
             "For each token its log-probability (temperature 1, no samplers) and those of the N best")
      ->default_str("off")
      ->group("Generation");
  add_number(command, "--lookup", lookup_, Whole{.least = 0},
             "Where the end of the text stood in it before, check up to N tokens at once that followed it there: the "
             "same text,\nsooner. 0: never; by default as many as pay")
      ->default_str("auto")
      ->group("Generation");
  add_text(command, "--draft", draft_, "MODEL",
           "A smaller model with the same tokens that guesses ahead: the same text, sooner")
      ->group("Generation");
  add_number(command, "--draft-tokens", draft_tokens_, Whole{.least = 1},
             "It guesses N tokens at a time; by default as many as pay")
      ->default_str("auto")
      ->group("Generation");
  add_switch(command, "--stats", stats_, "Say on stderr how long it took")->group("Generation");
  add_constraint_options(command, form_);
  add_sampler_options(command, samplers_, true);
  add_seed_option(command, context_);
  add_model_option(command, context_);
  add_compute_options(command, context_);
  add_output_options(command, context_);
}

GenerateOptions GenerateCommand::options_for(const TextSource& source) {
  GenerateOptions options;
  const GenerationDefaults& defaults = source.defaults();
  options.sampling = samplers_.over(samplers_.ask_for_a_draw() ? defaults.if_asked : defaults.sampling);
  set_dry_breakers(options.sampling, samplers_, source.tokenizer());
  options.sampling.seed = context_.options.seed ? *context_.options.seed : random_seed();
  options.max_tokens = max_tokens_;
  options.stop = stop_;
  options.ignore_end = ignore_eos_;
  options.logprobs = logprobs_.value_or(-1);
  options.interrupted = interrupted;
  options.lookup = lookup_.value_or(-1);
  options.draft_tokens = draft_tokens_.value_or(-1);
  if (!stop_.empty() && !source.tokenizer()) {
    throw Error({.what = "--stop needs a tokenizer, and the model has none", .file = source.path().string()});
  }
  return options;
}

void GenerateCommand::run() {
  const Prompt prompt = read_prompt(prompt_);
  const std::optional<Grammar> grammar = form_.read();
  const auto start = Clock::now();
  source_.emplace(context_, prompt.ids.has_value());
  model_.emplace(source_->load_model(context_));
  const GenerateOptions options = options_for(*source_);
  ids_ = source_->encode(prompt, !prompt_.no_special);
  if (echo_) echoed_ = prompt.ids ? source_->decode(ids_) : prompt.text;
  log_options(options);
  if (prompt.ids) check_ids(ids_, model_->vocabulary_size());
  sequence_.emplace(new_sequence(*model_, context_));
  if (draft_) load_draft();
  if (grammar) make_constraint(*grammar, options.sampling);
  if (lookup_.value_or(0) > 0 && model_->draft_room(*sequence_, 1) == 0)
    spdlog::warn("--lookup does nothing: what the model remembers of a text cannot be turned back");
  load_s_ = seconds_since(start);

  const InterruptGuard guard;
  for (int64_t i = 0; i < num_ && !interrupted(); i++) generate_one(options, i);
}

void GenerateCommand::make_constraint(const Grammar& grammar, const SamplingOptions& sampling) {
  if (!source_->tokenizer())
    throw Error(
        {.what = "the form of a text needs a tokenizer, and the model has none", .file = source_->path().string()});
  constraint_.emplace(grammar, *source_->tokenizer(), ignore_eos_ ? std::span<const TokenId>() : sampling.end_ids);
}

// The model that guesses for the other one.
void GenerateCommand::load_draft() {
  const std::filesystem::path path = find_model(*draft_);
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
  options.on_prefill = [&progress](size_t done, size_t total) {
    done < total ? progress.update(static_cast<double>(done) / static_cast<double>(total)) : progress.clear();
  };
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
    if (num_ > 1)
      out.write("--- " + std::to_string(index + 1) + " of " + std::to_string(num_) + ", seed " + seed + "\n");
    out.write(echoed_);
    out.flush();
  }
  const Generation generation =
      generate(*model_, source_->tokenizer(), *sequence_, ids_, options, json ? OnText() : on_text);
  if (json) {
    context_.print_json(document(generation));
  } else {
    if (!source_->tokenizer()) out.write(last = CLI::detail::join(generation.ids, ","));
    if (!last.ends_with('\n')) out.write("\n");
    if (logprobs_) print_logprobs(generation);
  }
  out.flush();
  report(generation);
}

Json GenerateCommand::document(const Generation& g) const {
  Json json = {{"prompt_ids", ids_},
               {"ids", g.ids},
               {"text", echoed_ + g.text},
               {"finish_reason", name(g.finish_reason)},
               {"seed", g.seed},
               {"timing",
                {{"load_s", load_s_},
                 {"prefill_s", g.timing.prefill_s},
                 {"prefill_tokens", g.timing.prefill_tokens},
                 {"decode_s", g.timing.decode_s},
                 {"decode_tokens", g.timing.decode_tokens},
                 {"drafted_tokens", g.drafted_tokens},
                 {"accepted_tokens", g.accepted_tokens}}}};
  if (logprobs_) json["logprobs"] = logprobs(g);
  return json;
}

Json GenerateCommand::logprobs(const Generation& g) const {
  const auto entry = [this](const TokenLogprob& t) {
    Json json = {{"id", t.id}};
    add_token(json, source_->tokenizer(), t.id);
    json["logprob"] = t.logprob;
    return json;
  };
  Json list = Json::array();
  for (const ChosenLogprob& chosen : g.logprobs) {
    list.push_back(entry(chosen));
    list.back()["top"] = Json::array();
    for (const TokenLogprob& other : chosen.top) list.back()["top"].push_back(entry(other));
  }
  return list;
}

void GenerateCommand::print_logprobs(const Generation& g) {
  constexpr int width = 20;
  const auto cell = [this](const TokenLogprob& t) {
    const Tokenizer* tokenizer = source_->tokenizer();
    const std::string text = tokenizer ? shown_token(tokenizer->token_bytes(t.id), width) : std::to_string(t.id);
    char number[32];
    std::snprintf(number, sizeof number, "%9.4f", t.logprob);
    return pad_right(text, width) + number;
  };
  context_.out.write("\n");
  for (const ChosenLogprob& chosen : g.logprobs) {
    std::string line = cell(chosen);
    for (const TokenLogprob& other : chosen.top) line += "   " + cell(other);
    context_.out.write(line + "\n");
  }
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

void GenerateCommand::report(const Generation& g) const {
  spdlog::debug("seed {}, finish reason {}", g.seed, name(g.finish_reason));
  if (!stats_) return;
  const GenerateTiming& t = g.timing;
  const auto rate = [](int64_t tokens, double seconds) {
    return seconds > 0 ? static_cast<double>(tokens) / seconds : 0;
  };
  spdlog::info(
      "loading {:.3f} s; prompt {} tokens in {:.3f} s ({:.1f} tokens/s); text {} tokens in {:.3f} s ({:.1f} tokens/s)",
      load_s_, t.prefill_tokens, t.prefill_s, rate(t.prefill_tokens, t.prefill_s), t.decode_tokens, t.decode_s,
      rate(t.decode_tokens, t.decode_s));
  if (g.drafted_tokens > 0)
    spdlog::info("{} of {} drafted tokens were right ({:.0f} %)", g.accepted_tokens, g.drafted_tokens,
                 100 * static_cast<double>(g.accepted_tokens) / static_cast<double>(g.drafted_tokens));
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
