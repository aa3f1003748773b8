// `foretell near` and `foretell analogy`: which tokens' vectors point the same way as a word's, or as a sum of words.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/token_text.h"
#include "cli/word_vectors.h"

namespace foretell::cli {
namespace {

struct NearOptions {
  WordOptions words;
  std::optional<std::vector<TokenId>> ids;
  int64_t top = 10;
  bool include_inputs = false;
};

using Terms = std::vector<std::pair<double, Word>>;

void add_near_options(CLI::App& command, Context& context, NearOptions& options) {
  add_number(command, "-k,--top", options.top, Whole{.least = 0}, "How many neighbours to show; 0: all")
      ->group("Output");
  add_switch(command, "--include-inputs", options.include_inputs, "Show the words' own tokens too")->group("Output");
  add_model_option(command, context);
  add_threads_option(command, context);
  add_output_options(command, context);
}

class NeighbourList {
 public:
  NeighbourList(Context& context, WordVectors& words, const NearOptions& options, Terms terms)
      : context_(context), words_(words), options_(options), terms_(std::move(terms)) {}

  void print(std::span<const double> vector) {
    find(vector);
    context_.options.json ? print_json() : print_table();
  }

 private:
  void find(std::span<const double> vector) {
    std::set<TokenId> inputs;
    if (!options_.include_inputs)
      for (const auto& [sign, word] : terms_) inputs.insert(word.ids.begin(), word.ids.end());
    const Tokenizer* tokenizer = words_.tokenizer();
    // Rows beyond the vocabulary are padding.
    const auto allowed = [&](TokenId id) {
      return inputs.count(id) == 0 && (tokenizer == nullptr || !tokenizer->token_name(id).empty());
    };
    const auto cosines = words_.cosines(vector);
    const size_t count = options_.top == 0 ? cosines.size() : static_cast<size_t>(options_.top);
    found_ = nearest(cosines, count, allowed);
  }

  void print_json() {
    nlohmann::ordered_json neighbours = nlohmann::ordered_json::array(), words = nlohmann::ordered_json::array();
    for (const Neighbour& n : found_) {
      nlohmann::ordered_json entry = {{"rank", neighbours.size() + 1}, {"id", n.id}};
      add_token(entry, words_.tokenizer(), n.id);
      entry["cosine"] = n.cosine;
      neighbours.push_back(entry);
    }
    for (const auto& [sign, word] : terms_) {
      words.push_back(words_.json(word));
      words.back()["sign"] = static_cast<int>(sign);
    }
    context_.print_json({{"neighbours", neighbours}, {"words", words}});
  }

  void print_table() {
    const Terminal& terminal = context_.out_terminal;
    for (size_t i = 0; i < terms_.size(); i++) {
      const char* sign = terms_[i].first < 0 ? "- " : terms_.size() > 1 ? "+ " : "";
      context_.out.write(styled(terminal.color, "2", sign + words_.describe(terms_[i].second)) + "\n");
    }
    constexpr int widest = 24;
    int label_width = 5, id_width = 2;
    for (const Neighbour& n : found_) {
      label_width = std::max(label_width, display_width(words_.label(n.id, widest)));
      id_width = std::max(id_width, static_cast<int>(std::to_string(n.id).size()));
    }
    const int rank_width = static_cast<int>(std::to_string(found_.size()).size());
    const std::string head = pad_left("#", rank_width) + "  " + pad_right("token", label_width) + "  " +
                             pad_left("id", id_width) + "   cosine";
    context_.out.write("\n" + styled(terminal.color, "2", head) + "\n");
    const int bar_width = std::clamp(terminal.width - display_width(head) - 3, 8, 40);
    for (size_t i = 0; i < found_.size(); i++) {
      const Neighbour& n = found_[i];
      std::string line =
          pad_left(std::to_string(i + 1), rank_width) + "  " + pad_right(words_.label(n.id, widest), label_width) +
          "  " + styled(terminal.color, "2", pad_left(std::to_string(n.id), id_width)) +
          pad_left(fmt::format("{:.4f}", n.cosine), 9) + "  " + styled(terminal.color, "36", bar(n.cosine, bar_width));
      while (line.ends_with(' ')) line.pop_back();
      context_.out.write(line + "\n");
    }
  }

  Context& context_;
  WordVectors& words_;
  const NearOptions& options_;
  Terms terms_;
  std::vector<Neighbour> found_;
};

void near(Context& context, const NearOptions& options) {
  const std::vector<std::string>& given = options.words.words;
  if (given.empty() && !options.ids)
    throw UsageError({.what = "no word was given", .expected = "a word", .hint = "for example: foretell near king"});
  WordVectors words(context, options.words.space, options.ids.has_value());
  const Word word = options.ids ? Word{{}, *options.ids} : words.find(CLI::detail::join(given, " "));
  check_ids(word.ids, words.vectors().count());
  NeighbourList(context, words, options, {{1, word}}).print(words.vector(word));
}

void analogy(Context& context, const NearOptions& options) {
  const std::vector<Term> expression = parse_expression(options.words.words);
  WordVectors words(context, options.words.space);
  Terms terms;
  for (const Term& term : expression) terms.emplace_back(term.sign, words.find(term.text));
  const auto sum = words.sum(terms);
  NeighbourList(context, words, options, std::move(terms)).print(sum);
}

}  // namespace

void add_near_command(CLI::App& app, Context& context) {
  const auto options = std::make_shared<NearOptions>();
  CLI::App& command = add_command(app, context, "near", "Which tokens' vectors are most like a word's",
                                  {"foretell near king", "foretell near \" King\" -k 5 --space unembedding --json"},
                                  [&context, options] { near(context, *options); });
  add_word_options(command, options->words,
                   "The word: with a space before it where that is a token, else bare; one that is given with its "
                   "space is taken as it is");
  add_value(
      command, "--ids", "ID,ID",
      [options](const std::string& value, const std::string& name) { options->ids = parse_ids(value, name); },
      "Token ids instead of a word")
      ->group("Input")
      ->excludes(command.get_option("word"));
  add_near_options(command, context, *options);
}

void add_analogy_command(CLI::App& app, Context& context) {
  const auto options = std::make_shared<NearOptions>();
  CLI::App& command =
      add_command(app, context, "analogy", "Which tokens' vectors are most like a sum of words' vectors",
                  {"foretell analogy king - man + woman", "foretell analogy \"Paris - France + Italy\" -k 3"},
                  [&context, options] { analogy(context, *options); });
  add_word_options(command, options->words,
                   "Words with + and - between them, as separate arguments or one; each counts with length 1");
  add_near_options(command, context, *options);
}

}  // namespace foretell::cli
