// `foretell direction`: how far words go in a direction, such as that from a singular to its plural.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/word_vectors.h"

namespace foretell::cli {
namespace {

struct Projected {
  Word word;
  double projection = 0;  // on the direction scaled to length 1
  double cosine = 0;
};

class DirectionCommand {
 public:
  explicit DirectionCommand(Context& context) : context_(context) {}
  void add_options(CLI::App& command);
  void run();

 private:
  void print_json(const std::vector<std::pair<double, Word>>& terms) const;
  void print_table(const std::vector<std::pair<double, Word>>& terms);

  Context& context_;
  WordOptions options_;
  std::optional<WordVectors> words_;
  std::vector<Projected> found_;  // the farthest first
};

void DirectionCommand::add_options(CLI::App& command) {
  add_word_options(command, options_, "The direction in one argument, and the words that are projected on it");
  add_model_option(command, context_);
  add_output_options(command, context_);
}

void DirectionCommand::run() {
  if (options_.words.size() < 2)
    throw UsageError({.what = options_.words.empty() ? "no direction was given" : "no words were given to project",
                      .expected = "a direction and words",
                      .hint = "for example: foretell direction \"cats - cat\" dog dogs"});
  const std::vector<Term> expression = parse_expression({options_.words.front()});
  words_.emplace(context_, options_.space);
  std::vector<std::pair<double, Word>> terms;
  std::vector<double> direction(static_cast<size_t>(words_->vectors().size()));
  for (const Term& term : expression) {
    terms.emplace_back(term.sign, words_->find(term.text));
    const auto vector = words_->vector(terms.back().second);
    for (size_t i = 0; i < direction.size(); i++) direction[i] += term.sign * vector[i];
  }
  const double size = length(direction);
  if (size == 0)
    throw UsageError({.what = "the direction has no length", .expected = "two words that differ, as in cats - cat"});
  for (size_t i = 1; i < options_.words.size(); i++) {
    Projected p{.word = words_->find(options_.words[i])};
    const auto vector = words_->vector(p.word);
    p.projection = dot(vector, direction) / size;
    const double own = length(vector);
    p.cosine = own > 0 ? p.projection / own : 0;
    found_.push_back(std::move(p));
  }
  std::stable_sort(found_.begin(), found_.end(),
                   [](const Projected& a, const Projected& b) { return a.projection > b.projection; });
  context_.options.json ? print_json(terms) : print_table(terms);
}

void DirectionCommand::print_json(const std::vector<std::pair<double, Word>>& terms) const {
  nlohmann::ordered_json direction = nlohmann::ordered_json::array(), list = nlohmann::ordered_json::array();
  for (const auto& [sign, word] : terms) {
    direction.push_back(words_->json(word));
    direction.back()["sign"] = static_cast<int>(sign);
  }
  for (const Projected& p : found_) {
    nlohmann::ordered_json entry = {{"rank", list.size() + 1}};
    entry.update(words_->json(p.word));
    entry.update({{"projection", p.projection}, {"cosine", p.cosine}});
    list.push_back(entry);
  }
  context_.print_json({{"projections", list}, {"direction", direction}});
}

// Bars to both sides of the middle.
std::string signed_bar(double part, int half) {
  const int filled = static_cast<int>(std::lround(std::min(1.0, std::abs(part)) * half));
  std::string cells;
  for (int i = 0; i < filled; i++) cells += "█";
  return part < 0 ? blanks(half - filled) + cells + "│" : blanks(half) + "│" + cells;
}

std::string word_text(const Word& word) {
  const std::string text = visible(word.text);
  return word.ids.size() > 1 ? text + " (" + std::to_string(word.ids.size()) + " tokens)" : text;
}

void DirectionCommand::print_table(const std::vector<std::pair<double, Word>>& terms) {
  const Terminal& terminal = context_.out_terminal;
  for (const auto& [sign, word] : terms)
    context_.out.write(styled(terminal.color, "2", (sign < 0 ? "- " : "+ ") + words_->describe(word)) + "\n");
  int width = 4;
  double largest = 0;
  for (const Projected& p : found_) {
    width = std::max(width, display_width(word_text(p.word)));
    largest = std::max(largest, std::abs(p.projection));
  }
  const int rank_width = static_cast<int>(std::to_string(found_.size()).size());
  const std::string head = pad_left("#", rank_width) + "  " + pad_right("word", width) + "  projection   cosine";
  context_.out.write("\n" + styled(terminal.color, "2", head) + "\n");
  const int half = std::clamp((terminal.width - display_width(head) - 4) / 2, 4, 20);
  size_t rank = 0;
  for (const Projected& p : found_) {
    std::string line = pad_left(std::to_string(++rank), rank_width) + "  " + pad_right(word_text(p.word), width) +
                       pad_left(fmt::format("{:+.4f}", p.projection), 12) +
                       pad_left(fmt::format("{:+.4f}", p.cosine), 9) + "  " +
                       styled(terminal.color, p.projection < 0 ? "33" : "36",
                              signed_bar(largest > 0 ? p.projection / largest : 0, half));
    context_.out.write(line + "\n");
  }
}

}  // namespace

void add_direction_command(CLI::App& app, Context& context) {
  const auto direction = std::make_shared<DirectionCommand>(context);
  CLI::App& command = add_command(app, context, "direction", "How far words go in a direction between words",
                                  {"foretell direction \"cats - cat\" dog dogs house houses",
                                   "foretell direction \"woman - man\" nurse teacher soldier --json"},
                                  [direction] { direction->run(); });
  direction->add_options(command);
}

}  // namespace foretell::cli
