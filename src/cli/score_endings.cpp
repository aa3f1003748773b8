#include "cli/score_endings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/text_source.h"
#include "cli/token_text.h"
#include "generate/endings.h"
#include "generate/scoring.h"

namespace foretell::cli {
namespace {

// Ways to compare endings of different lengths, each a number that is larger for the better one.
constexpr std::array<const char*, 4> measures = {"sum", "token", "byte", "gain"};

struct ScoredEnding {
  std::string text;
  std::vector<TokenId> ids;
  double logprob = 0, unconditional = 0;

  std::array<double, 4> values() const {
    return {logprob, logprob / static_cast<double>(ids.size()), logprob / static_cast<double>(text.size()),
            logprob - unconditional};
  }
};

struct Answer {
  std::vector<TokenId> prompt_ids;
  std::vector<ScoredEnding> endings;
  std::array<size_t, 4> best{};  // by each measure
};

class EndingsCommand {
 public:
  EndingsCommand(Context& context, const EndingsOptions& options, bool special)
      : context_(context), options_(options), special_(special) {}
  void run(const std::vector<EndingsQuestion>& questions);

 private:
  Answer answer(const EndingsQuestion& question, EndingScorer& given, EndingScorer& alone) const;
  std::vector<TokenId> baseline() const;
  void count(const Answer& answer, size_t label);
  nlohmann::ordered_json document(const Answer& answer) const;
  nlohmann::ordered_json accuracies() const;
  void print_table(const EndingsQuestion& question, const Answer& answer) const;
  void print_accuracies(size_t questions) const;

  Context& context_;
  const EndingsOptions& options_;
  const bool special_;  // with the special tokens that the tokenizer adds
  std::optional<TextSource> source_;
  std::vector<TokenId> baseline_;
  std::array<int64_t, 4> right_{};
  int64_t labelled_ = 0;
};

// Of a sentence the blanks need no mark.
std::string shown_ending(const std::string& text, int width) {
  std::string shown = shown_token(text, width);
  const std::string mark = "␣";
  for (size_t at; (at = shown.find(mark)) != std::string::npos;) shown.replace(at, mark.size(), " ");
  return shown;
}

// Of a share of n trials: the standard deviation of the mean, from the sample's own variance.
double standard_error(double share, int64_t n) {
  return n > 1 ? std::sqrt(share * (1 - share) / static_cast<double>(n - 1)) : 0;
}

std::vector<TokenId> EndingsCommand::baseline() const {
  if (options_.baseline) {
    const auto ids = prompt_ids(*source_->tokenizer(), *options_.baseline, special_);
    if (ids.empty()) throw UsageError({.what = "--baseline has no tokens", .expected = "a text"});
    return ids;
  }
  if (!source_->defaults().bos_ids.empty()) return source_->defaults().bos_ids;
  if (const auto& ends = source_->defaults().sampling.end_ids; !ends.empty()) return {ends.front()};
  throw Error({.what = "the model has no token that begins a text",
               .file = source_->path().string(),
               .hint = "--baseline TEXT says what stands before endings without their beginning"});
}

// The ending's tokens are those of the whole text that reach beyond the beginning.
Answer EndingsCommand::answer(const EndingsQuestion& question, EndingScorer& given, EndingScorer& alone) const {
  Answer answer;
  for (const std::string& ending : question.endings) {
    const std::string text = joined_ending(question.beginning, ending);
    std::vector<TokenSpan> spans = encode_prompt(*source_->tokenizer(), question.beginning + text, special_);
    // What is added behind a text is no part of its ending.
    while (!spans.empty() && spans.back().start == spans.back().end) spans.pop_back();
    const auto first = std::find_if(spans.begin(), spans.end(), [&](const TokenSpan& span) {
      return span.end > span.start && span.end > question.beginning.size();
    });
    ScoredEnding scored{.text = text, .ids = {}};
    std::vector<TokenId> before;
    for (auto it = spans.begin(); it != first; ++it) before.push_back(it->id);
    for (auto it = first; it != spans.end(); ++it) scored.ids.push_back(it->id);
    if (before.empty()) before = baseline_;
    if (scored.ids.empty()) throw Error({.what = "an ending has no tokens of its own", .found = ending});
    scored.logprob = given.logprob(before, scored.ids);
    scored.unconditional = alone.logprob(baseline_, scored.ids);
    answer.prompt_ids = before;
    answer.endings.push_back(std::move(scored));
  }
  for (size_t m = 0; m < measures.size(); m++)
    for (size_t i = 1; i < answer.endings.size(); i++)
      if (answer.endings[i].values()[m] > answer.endings[answer.best[m]].values()[m]) answer.best[m] = i;
  return answer;
}

void EndingsCommand::count(const Answer& answer, size_t label) {
  labelled_++;
  for (size_t m = 0; m < measures.size(); m++) right_[m] += answer.best[m] == label ? 1 : 0;
}

nlohmann::ordered_json EndingsCommand::document(const Answer& answer) const {
  nlohmann::ordered_json endings = nlohmann::ordered_json::array(), best;
  for (const ScoredEnding& e : answer.endings) {
    const auto values = e.values();
    endings.push_back({{"text", e.text},
                       {"ids", e.ids},
                       {"logprob", e.logprob},
                       {"per_token", values[1]},
                       {"per_byte", values[2]},
                       {"unconditional", e.unconditional},
                       {"gain", values[3]}});
  }
  for (size_t m = 0; m < measures.size(); m++) best[measures[m]] = answer.best[m];
  return {{"prompt_ids", answer.prompt_ids}, {"endings", endings}, {"best", best}};
}

nlohmann::ordered_json EndingsCommand::accuracies() const {
  nlohmann::ordered_json out;
  for (size_t m = 0; m < measures.size(); m++) {
    const double share = static_cast<double>(right_[m]) / static_cast<double>(labelled_);
    out[measures[m]] = {{"accuracy", share}, {"standard_error", standard_error(share, labelled_)}};
  }
  return out;
}

void EndingsCommand::print_table(const EndingsQuestion& question, const Answer& answer) const {
  const Terminal& terminal = context_.out_terminal;
  std::vector<size_t> order(answer.endings.size());
  for (size_t i = 0; i < order.size(); i++) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return answer.endings[a].values()[2] > answer.endings[b].values()[2]; });
  const int label_width = std::max(20, terminal.width - 48);
  int widest = 6;
  for (const std::string& ending : question.endings)
    widest = std::max(widest, std::min(label_width, display_width(shown_ending(ending, label_width))));
  context_.out.write(
      styled(terminal.color, "2", pad_right("ending", widest) + "  tokens      sum  a token   a byte     gain") + "\n");
  for (const size_t i : order) {
    const auto values = answer.endings[i].values();
    std::string line = pad_right(shown_ending(question.endings[i], label_width), widest) +
                       fmt::format("{:8}", answer.endings[i].ids.size());
    for (size_t m = 0; m < measures.size(); m++) {
      std::string number = fmt::format("{:9.{}f}", values[m], m == 2 ? 3 : 2);
      line += answer.best[m] == i ? styled(terminal.color, "1;32", number) : number;
    }
    context_.out.write(line + "\n");
  }
  context_.out.write(
      styled(terminal.color, "2", "\nlogarithms, the best a byte first; gain: what the beginning adds to the sum") +
      "\n");
}

void EndingsCommand::print_accuracies(size_t questions) const {
  std::string text = fmt::format("{} questions", thousands(static_cast<long long>(questions)));
  if (labelled_ < static_cast<int64_t>(questions)) text += fmt::format(", {} with a label", thousands(labelled_));
  context_.out.write(text + "\n");
  if (labelled_ == 0) return;
  constexpr std::array<const char*, 4> names = {"by the sum", "by the mean of a token", "by the mean of a byte",
                                                "by the gain over none"};
  for (size_t m = 0; m < measures.size(); m++) {
    const double share = static_cast<double>(right_[m]) / static_cast<double>(labelled_);
    context_.out.write(fmt::format("{:<24}{:6.2f} % ± {:.2f}  {}\n", names[m], 100 * share,
                                   100 * standard_error(share, labelled_),
                                   styled(context_.out_terminal.color, "36", bar(share, 30))));
  }
  context_.out.write(styled(context_.out_terminal.color, "2", "± is one standard error") + "\n");
}

void EndingsCommand::run(const std::vector<EndingsQuestion>& questions) {
  source_.emplace(context_, false);
  Model model = source_->load_model(context_);
  baseline_ = baseline();
  const int64_t capacity = context_.options.context.value_or(0);
  EndingScorer given(model, capacity), alone(model, capacity);
  const Terminal& terminal = context_.err_terminal;
  Progress progress("scoring the endings", terminal.interactive && !context_.options.quiet, terminal.width);
  const InterruptGuard guard;
  const bool one = questions.size() == 1;
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  size_t done = 0;
  for (; done < questions.size(); done++) {
    progress.update(static_cast<double>(done) / static_cast<double>(questions.size()));
    const EndingsQuestion& question = questions[done];
    if (interrupted()) break;
    const Answer result = answer(question, given, alone);
    if (question.label) count(result, *question.label);
    if (context_.options.json) {
      results.push_back(document(result));
      if (question.label) results.back()["label"] = *question.label;
    } else if (one) {
      print_table(question, result);
    }
  }
  progress.clear();
  if (context_.options.json) {
    nlohmann::ordered_json out = {{"questions", done}, {"labelled", labelled_}};
    if (labelled_ > 0) out["accuracy"] = accuracies();
    if (one && done > 0) out.update(results[0]);
    if (!one) out["results"] = std::move(results);
    return context_.print_json(out);
  }
  if (!one) print_accuracies(done);
}

}  // namespace

void score_endings(Context& context, const EndingsOptions& options, const PromptOptions& prompt) {
  const std::string text = read_input(*options.file);
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool lines_of_json = first != std::string::npos && text[first] == '{';
  std::optional<std::string> beginning;
  if (prompt.text || prompt.file || (!lines_of_json && first != std::string::npos))
    beginning = read_prompt(prompt).text;
  std::vector<EndingsQuestion> questions = parse_endings(text, beginning, *options.file);
  if (options.limit && static_cast<size_t>(*options.limit) < questions.size())
    questions.resize(static_cast<size_t>(*options.limit));
  EndingsCommand(context, options, !prompt.no_special).run(questions);
}

}  // namespace foretell::cli
