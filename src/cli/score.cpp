// `foretell score`: how well a model foresees a text, token by token.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "cli/score_endings.h"
#include "cli/score_view.h"
#include "cli/text_source.h"
#include "cli/token_text.h"

namespace foretell::cli {
namespace {

class ScoreCommand {
 public:
  explicit ScoreCommand(Context& context) : context_(context) {}
  void add_options(CLI::App& command);
  void run();

 private:
  void take_tokens(const Prompt& prompt);
  void score(Model& model);
  int64_t scored_bytes() const;
  void print_json() const;
  void print_text() const;
  std::string summary() const;

  Context& context_;
  PromptOptions prompt_;
  EndingsOptions endings_;
  std::optional<int64_t> stride_, max_tokens_, top_;

  std::optional<TextSource> source_;
  std::vector<TokenId> ids_;
  std::vector<TokenSpan> spans_;  // empty where ids were given
  std::vector<ScoredToken> tokens_;
  ScoredText scored_;
  int64_t bytes_ = 0;  // of the text that the scored tokens stand for
};

void ScoreCommand::add_options(CLI::App& command) {
  add_prompt_options(command, prompt_);
  add_number(command, "-n,--max-tokens", max_tokens_, Whole{.least = 2}, "Score the first tokens of the text only")
      ->default_str("all")
      ->group("Input");
  add_number(command, "--stride", stride_, Whole{.least = 1},
             "How far a window over a text longer than the context is moved on; each token is scored once")
      ->default_str("half the context")
      ->group("Scoring");
  add_number(command, "-k,--top", top_, Whole{.least = 0},
             "For how many of the least expected tokens to say what was more likely")
      ->default_str("one in eight, 3 to 20")
      ->group("Output");
  add_text(command, "--endings", endings_.file, "FILE",
           "Compare endings of the text: one in each line, or JSON Lines as HellaSwag has them, "
           "{\"ctx\":..,\"endings\":[..],\"label\":0} (-: standard input)")
      ->group("Endings");
  add_text(command, "--baseline", endings_.baseline, "TEXT",
           "What stands before the endings where they are scored without their beginning")
      ->default_str("the beginning-of-text token")
      ->group("Endings");
  add_number(command, "--limit", endings_.limit, Whole{.least = 1}, "Only the first questions of the file")
      ->default_str("all")
      ->group("Endings");
  add_model_option(command, context_);
  add_compute_options(command, context_);
  add_output_options(command, context_);
}

void ScoreCommand::run() {
  if (endings_.file) {
    if (prompt_.ids) throw UsageError({.what = "--endings and --ids exclude each other"});
    return score_endings(context_, endings_, prompt_);
  }
  const Prompt prompt = read_prompt(prompt_);
  source_.emplace(context_, prompt.ids.has_value());
  Model model = source_->load_model(context_);
  take_tokens(prompt);
  if (prompt.ids) check_ids(ids_, model.vocabulary_size());
  if (ids_.size() < 2)
    throw Error({.what = "the text is too short to score: a token is foreseen by those before it",
                 .expected = "at least two tokens",
                 .found = std::to_string(ids_.size())});
  score(model);
  bytes_ = scored_bytes();
  context_.options.json ? print_json() : print_text();
}

void ScoreCommand::take_tokens(const Prompt& prompt) {
  const Tokenizer* tokenizer = source_->tokenizer();
  if (prompt.ids) {
    ids_ = *prompt.ids;
  } else {
    spans_ = encode_prompt(*tokenizer, prompt.text, !prompt_.no_special);
    for (const TokenSpan& span : spans_) ids_.push_back(span.id);
  }
  if (max_tokens_ && static_cast<size_t>(*max_tokens_) < ids_.size()) ids_.resize(static_cast<size_t>(*max_tokens_));
  size_t covered = 0;
  for (size_t i = 0; i < ids_.size(); i++) {
    std::string bytes = tokenizer ? tokenizer->token_bytes(ids_[i]) : std::string();
    if (!spans_.empty()) {
      // Blanks that no token holds are shown all the same.
      for (; covered < spans_[i].end && prompt.text[covered] == ' ' && !bytes.starts_with(' '); covered++)
        bytes.insert(0, " ");
      covered = std::max(covered, spans_[i].end);
    }
    tokens_.push_back({std::move(bytes), ids_[i]});
  }
}

void ScoreCommand::score(Model& model) {
  const int64_t window = Sequence(model, context_.options.context.value_or(0)).capacity();
  if (window < 2)
    throw UsageError({.what = "--context is too short to foresee a token by another",
                      .expected = "at least 2",
                      .found = std::to_string(window)});
  if (stride_ && *stride_ > window)
    throw UsageError({.what = "--stride is more than a window holds: tokens would be left out",
                      .expected = "at most " + std::to_string(window),
                      .found = std::to_string(*stride_)});
  const Terminal& terminal = context_.err_terminal;
  Progress progress("reading the text", terminal.interactive && !context_.options.quiet, terminal.width);
  const InterruptGuard guard;
  ScoringOptions options{
      .window = window,
      .stride = stride_.value_or(0),
      .surprises = static_cast<size_t>(top_.value_or(std::clamp<int64_t>(std::ssize(ids_) / 8, 3, 20))),
      .alternatives = 3,
      .interrupted = interrupted};
  options.progress = [&](size_t done, size_t total) {
    progress.update(static_cast<double>(done) / static_cast<double>(total));
  };
  scored_ = score_text(model, ids_, options);
  stop_if_interrupted();
}

// Bytes that several tokens share (of one character) count once.
int64_t ScoreCommand::scored_bytes() const {
  int64_t bytes = 0;
  size_t covered = 0;
  for (size_t i = 0; i < ids_.size(); i++) {
    const bool scored = scored_.ranks[i] > 0;
    if (spans_.empty()) {
      if (scored && !(source_->tokenizer() && source_->tokenizer()->is_special(ids_[i])))
        bytes += std::ssize(tokens_[i].bytes);
      continue;
    }
    const size_t start = std::max(spans_[i].start, covered), end = std::max(spans_[i].end, start);
    if (scored) bytes += static_cast<int64_t>(end - start);
    covered = end;
  }
  return bytes;
}

void ScoreCommand::print_json() const {
  const Tokenizer* tokenizer = source_->tokenizer();
  nlohmann::ordered_json logprobs = nlohmann::ordered_json::array(), ranks = nlohmann::ordered_json::array(),
                         surprises = nlohmann::ordered_json::array();
  for (size_t i = 0; i < ids_.size(); i++) {
    const bool scored = scored_.ranks[i] > 0;
    logprobs.push_back(scored ? nlohmann::ordered_json(scored_.logprobs[i]) : nullptr);
    ranks.push_back(scored ? nlohmann::ordered_json(scored_.ranks[i]) : nullptr);
  }
  const auto token_json = [&](TokenId id, double logprob) {
    nlohmann::ordered_json entry = {{"id", id}};
    add_token(entry, tokenizer, id);
    entry["logprob"] = logprob;
    return entry;
  };
  for (const ScoredText::Surprise& surprise : scored_.surprises) {
    nlohmann::ordered_json entry = {{"index", surprise.index}};
    entry.update(token_json(ids_[surprise.index], scored_.logprobs[surprise.index]));
    entry["rank"] = scored_.ranks[surprise.index];
    entry["top"] = nlohmann::ordered_json::array();
    for (const TokenLogprob& t : surprise.top) entry["top"].push_back(token_json(t.id, t.logprob));
    surprises.push_back(entry);
  }
  nlohmann::ordered_json out = {{"ids", ids_},
                                {"logprobs", logprobs},
                                {"mean_nll", scored_.mean_nll()},
                                {"perplexity", std::exp(scored_.mean_nll())},
                                {"bits_per_byte", nullptr},
                                {"scored_tokens", scored_.scored},
                                {"scored_bytes", bytes_},
                                {"windows", scored_.windows},
                                {"ranks", ranks},
                                {"surprises", surprises}};
  if (bytes_ > 0) out["bits_per_byte"] = bits(-scored_.total) / static_cast<double>(bytes_);
  context_.print_json(out);
}

std::string ScoreCommand::summary() const {
  int64_t first = 0;
  for (const int64_t rank : scored_.ranks) first += rank == 1 ? 1 : 0;
  std::string text = fmt::format("{} tokens scored", thousands(scored_.scored));
  if (scored_.windows > 1) text += fmt::format(" in {} windows", thousands(scored_.windows));
  text +=
      fmt::format(": perplexity {:.2f}; {:.2f} bits a token", std::exp(scored_.mean_nll()), bits(scored_.mean_nll()));
  if (bytes_ > 0) text += fmt::format(", {:.3f} bits a byte", bits(-scored_.total) / static_cast<double>(bytes_));
  const double share = 100 * static_cast<double>(first) / static_cast<double>(scored_.scored);
  return text + fmt::format("\nthe likeliest token came {:.0f} % of the time\n", share);
}

void ScoreCommand::print_text() const {
  const Terminal& terminal = context_.out_terminal;
  const Tokenizer* tokenizer = source_->tokenizer();
  const bool coloured = terminal.color && tokenizer != nullptr;
  context_.out.write(coloured ? coloured_text(tokens_, scored_, tokenizer, terminal.width)
                              : token_lines(tokens_, scored_, tokenizer, terminal));
  context_.out.write("\n" + summary());
}

}  // namespace

void add_score_command(CLI::App& app, Context& context) {
  const auto score = std::make_shared<ScoreCommand>(context);
  CLI::App& command = add_command(
      app, context, "score", "How well the model foresees a text, token by token",
      {"foretell score -p \"The capital of France is Rome.\"", "foretell score -f book.txt --stride 512 -c 1024 --json",
       "foretell score -p \"The capital of France is\" --endings cities.txt"},
      [score] { score->run(); });
  score->add_options(command);
}

}  // namespace foretell::cli
