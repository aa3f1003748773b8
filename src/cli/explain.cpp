// `foretell explain`: how a model comes to its next token.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/output_file.h"
#include "cli/commands.h"
#include "cli/explanation.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "cli/text_source.h"
#include "cli/word_vectors.h"

namespace foretell::cli {
namespace {

constexpr size_t most_positions = 512;  // whose attention is kept
constexpr size_t first_kept = 16;       // of them from the beginning of the text; the others are its last

class ExplainCommand {
 public:
  explicit ExplainCommand(Context& context) : context_(context) {}
  void add_options(CLI::App& command);
  void run();

 private:
  TokenId token_of(const Tokenizer* tokenizer, const std::string& word) const;
  std::vector<int64_t> positions(size_t tokens) const;
  std::vector<int64_t> shown_layers(int64_t layers) const;
  void trace(Tracer& tracer, std::span<const TokenId> ids, Explanation& e) const;
  void read_lens(Tracer& tracer, Explanation& e) const;
  void compare(Tracer& tracer, Explanation& e, const TextSource& source) const;

  Context& context_;
  PromptOptions prompt_;
  std::vector<std::string> ablations_;
  bool with_mean_ = false;
  std::optional<std::string> versus_, contrast_, layers_, page_;
  int64_t top_ = 5;
};

void ExplainCommand::add_options(CLI::App& command) {
  add_prompt_options(command, prompt_);
  add_texts(command, "--ablate", ablations_, "PART", "Silence L5 (a layer), L5.H3 (a head) or L5.MLP; may be repeated")
      ->group("What if");
  add_choice(command, "--ablate-with", with_mean_, {{"zero", false}, {"mean", true}},
             "What a silenced part gives: nothing, or its mean over the tokens")
      ->group("What if");
  add_text(command, "--versus", versus_, "TEXT",
           "Another prompt of as many tokens: where along the way this one's answer comes back")
      ->group("What if");
  add_text(command, "--contrast", contrast_, "A,B", "Why A and not B: two words whose logits are compared")
      ->group("What if");
  add_text(command, "-o,--output", page_, "FILE.html", "Write it all as one HTML file to look around in")
      ->group("Output");
  add_text(command, "--layers", layers_, "N,N-N", "Only these layers, counted from 0")->group("Output");
  add_number(command, "-k,--top", top_, Whole{.least = 1, .most = 1000}, "Tokens after each layer, with --json")
      ->group("Output");
  add_model_option(command, context_);
  add_threads_option(command, context_);
  add_output_options(command, context_);
}

// A word of --contrast: with a space before it where that is a token, else bare.
TokenId ExplainCommand::token_of(const Tokenizer* tokenizer, const std::string& word) const {
  if (tokenizer == nullptr)
    throw UsageError({.what = "--contrast needs a model with a tokenizer", .expected = "", .found = ""});
  const Word found = look_up(*tokenizer, word);
  if (found.ids.size() == 1) return found.ids[0];
  throw UsageError({.what = "a word of --contrast is not one token",
                    .expected = "words that are one token each",
                    .found = word + ", which is " + std::to_string(found.ids.size())});
}

// All, or the beginning and the end of a long text.
std::vector<int64_t> ExplainCommand::positions(size_t tokens) const {
  std::vector<int64_t> kept(std::min(tokens, most_positions));
  std::iota(kept.begin(), kept.end(), int64_t{0});
  if (tokens <= most_positions) return kept;
  for (size_t i = first_kept; i < kept.size(); i++) kept[i] += static_cast<int64_t>(tokens - kept.size());
  spdlog::info("attention is shown for the first {} and the last {} of {} tokens", first_kept,
               most_positions - first_kept, tokens);
  return kept;
}

std::vector<int64_t> ExplainCommand::shown_layers(int64_t layers) const {
  std::vector<bool> shown(static_cast<size_t>(layers), !layers_);
  const Whole limits{.least = 0, .most = layers - 1};
  for (const std::string& part : CLI::detail::split(layers_.value_or(""), ',')) {
    if (!layers_) break;
    const size_t dash = part.find('-', 1);
    const int64_t first = parse_number(part.substr(0, dash), limits, "--layers");
    const int64_t last = dash == part.npos ? first : parse_number(part.substr(dash + 1), limits, "--layers");
    for (int64_t l = first; l <= last; l++) shown[static_cast<size_t>(l)] = true;
  }
  std::vector<int64_t> result;
  for (size_t l = 0; l < shown.size(); l++)
    if (shown[l]) result.push_back(static_cast<int64_t>(l));
  return result;
}

void ExplainCommand::trace(Tracer& tracer, std::span<const TokenId> ids, Explanation& e) const {
  TraceOptions options{.positions = positions(ids.size()), .interrupted = interrupted};
  if (!e.ablations.empty()) {
    const Trace whole = tracer.run(ids, {.positions = {0}, .interrupted = interrupted});
    e.unablated = look_through(whole.logits, whole.best(), static_cast<size_t>(top_));
    options.ablations = e.ablations;
    options.ablate_with_mean = with_mean_;
  }
  e.trace = tracer.run(ids, options);
  stop_if_interrupted();
}

void ExplainCommand::read_lens(Tracer& tracer, Explanation& e) const {
  std::vector<const float*> vectors;
  for (const LayerTrace& layer : e.trace.layers)
    vectors.push_back(layer.stream.data() + layer.stream.size() - static_cast<size_t>(e.trace.hidden));
  tracer.read_out(vectors, [&](size_t, std::span<const float> logits) {
    e.lens.push_back(look_through(logits, e.answer, static_cast<size_t>(top_)));
  });
  e.final = look_through(e.trace.logits, e.answer, static_cast<size_t>(top_));
}

void ExplainCommand::compare(Tracer& tracer, Explanation& e, const TextSource& source) const {
  e.other_tokens = source.encode({.ids = {}, .text = *versus_}, !prompt_.no_special);
  const Terminal& terminal = context_.err_terminal;
  Progress progress("patching", terminal.interactive && !context_.options.quiet, terminal.width);
  const std::optional<TokenId> answer = contrast_ ? std::optional(e.answer) : std::nullopt;
  e.patching = tracer.patch(
      e.trace.tokens, e.other_tokens, answer, e.against, [&](double part) { progress.update(part); }, interrupted);
  stop_if_interrupted();
}

void ExplainCommand::run() {
  const Prompt prompt = read_prompt(prompt_);
  Explanation e;
  try {
    for (const std::string& text : ablations_) e.ablations.push_back(parse_ablation(text));
  } catch (const Error& error) {
    throw UsageError(error.parts());
  }
  TextSource source(context_, prompt.ids.has_value() && !contrast_ && !versus_);
  const std::vector<TokenId> ids = source.encode(prompt, !prompt_.no_special);
  std::optional<TokenId> chosen;
  if (contrast_) {
    const size_t comma = contrast_->find(',', 1);
    if (comma == contrast_->npos || comma + 1 == contrast_->size())
      throw UsageError({.what = "--contrast takes two words", .expected = "A,B", .found = *contrast_});
    chosen = token_of(source.tokenizer(), contrast_->substr(0, comma));
    e.against = token_of(source.tokenizer(), contrast_->substr(comma + 1));
  }
  Tracer tracer = load_tracer(source.path(), context_);
  if (prompt.ids) check_ids(ids, tracer.vocabulary_size());
  const InterruptGuard guard;
  e.layers = shown_layers(tracer.layers());
  trace(tracer, ids, e);
  e.answer = chosen.value_or(e.trace.best());
  read_lens(tracer, e);
  e.attribution = tracer.attribute(e.trace, e.answer, e.against);
  if (versus_) compare(tracer, e, source);
  if (page_) {
    OutputFile file(*page_);
    const std::string page = explanation_page(e, source.path(), source.tokenizer());
    file.write(std::as_bytes(std::span(page)));
    file.finish();
    file.commit();
  }
  if (context_.options.json) return write_json(e, source.tokenizer(), context_.out);
  context_.out.write(explanation_text(e, source.tokenizer(), context_.out_terminal));
}

}  // namespace

void add_explain_command(CLI::App& app, Context& context) {
  const auto explain = std::make_shared<ExplainCommand>(context);
  CLI::App& command =
      add_command(app, context, "explain", "How the model comes to its next token",
                  {"foretell explain -p \"The capital of France is\"",
                   "foretell explain -p \"The capital of France is\" --contrast Paris,Rome",
                   "foretell explain -p \"The capital of France is\" --ablate L20.MLP --ablate L5.H3",
                   "foretell explain -p \"The capital of France is\" --versus \"The capital of Italy is\""},
                  [explain] { explain->run(); });
  explain->add_options(command);
}

}  // namespace foretell::cli
