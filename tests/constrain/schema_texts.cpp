// What scripts/check-schemas talks to: for each line of JSON, {"schema": .., "texts": [..], "random": N, "extra": M},
// one line with which of the texts the schema allows, and N random texts in at most M tokens more than the shortest.
//     schema_texts FOLDER
#include <iostream>
#include <nlohmann/json.hpp>

#include "foretell/constrain.h"
#include "foretell/sampling.h"

using namespace foretell;

namespace {

class RandomTexts {
 public:
  explicit RandomTexts(const Tokenizer& tokenizer)
      : tokenizer_(tokenizer), constraint_(Grammar::json_object(), tokenizer, {}) {}

  std::string write(const Grammar& grammar, int64_t extra, uint64_t seed) {
    const Constraint constraint = constraint_.with_grammar(grammar);
    ConstrainedText text(constraint);
    int64_t left = constraint.shortest() + extra;
    std::string result;
    const auto accept = [&](TokenId id) {
      if (left-- <= 0) throw Error({.what = "the text does not keep the limit"});
      text.accept(id);
      result += tokenizer_.token_bytes(id);
    };
    for (uint64_t step = 0; !text.finished(); step++) {
      const auto forced = text.forced(left);
      for (const TokenId id : std::vector(forced.begin(), forced.end())) accept(id);
      if (!forced.empty()) continue;
      if (left == 0) break;
      const std::vector<TokenId> ids = candidates(text.allowed(left), uniform_random(seed, step, 0) < 0.5);
      if (ids.empty()) break;
      accept(ids[static_cast<size_t>(uniform_random(seed, step, 1) * static_cast<double>(ids.size()))]);
    }
    if (!text.complete()) throw Error({.what = "the text is not whole: " + result});
    return result;
  }

 private:
  // All tokens, or those with JSON's signs and digits where there are such, so that texts have a structure.
  std::vector<TokenId> candidates(std::span<const uint64_t> bits, bool signs) const {
    std::vector<TokenId> all, some;
    for (size_t i = 0; i < bits.size() * 64; i++) {
      if ((bits[i / 64] >> (i % 64) & 1) == 0) continue;
      const auto id = static_cast<TokenId>(i);
      all.push_back(id);
      if (signs && tokenizer_.token_bytes(id).find_first_of("\"{}[],:0123456789") != std::string::npos)
        some.push_back(id);
    }
    return some.empty() ? all : some;
  }

  const Tokenizer& tokenizer_;
  Constraint constraint_;
};

nlohmann::json answer(RandomTexts& texts, const nlohmann::json& question, uint64_t line) {
  const Grammar grammar = Grammar::json_schema(question["schema"].get<std::string>());
  nlohmann::json result = {{"matches", nlohmann::json::array()}, {"random", nlohmann::json::array()}};
  for (const auto& text : question["texts"]) result["matches"].push_back(grammar.matches(text.get<std::string>()));
  for (uint64_t i = 0; i < question.value("random", uint64_t{0}); i++)
    result["random"].push_back(texts.write(grammar, question.value("extra", int64_t{0}), line * 1000 + i));
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: schema_texts FOLDER\n", 2;
  try {
    const Tokenizer tokenizer = Tokenizer::load(argv[1]);
    RandomTexts texts(tokenizer);
    std::string line;
    for (uint64_t number = 0; std::getline(std::cin, line); number++) {
      nlohmann::json result;
      try {
        result = answer(texts, nlohmann::json::parse(line), number);
      } catch (const Error& error) {
        result["error"] = error.what();
      }
      std::cout << result << '\n' << std::flush;
    }
  } catch (const std::exception& error) {
    return std::cerr << error.what() << '\n', 1;
  }
}
