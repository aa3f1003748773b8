// What scripts/check-schemas talks to: for each line of JSON, {"schema": .., "texts": [..], "random": N, "extra": M,
// "model": {"temperature": T, "seed": S}}, one line with which of the texts the schema allows, N texts of random tokens
// and one of the model, each in at most M tokens more than the shortest.
//     schema_texts FOLDER
#include <iostream>
#include <nlohmann/json.hpp>

#include "foretell/foretell.h"

using namespace foretell;

namespace {

class Texts {
 public:
  explicit Texts(TextGenerator generator)
      : generator_(std::move(generator)),
        tokenizer_(generator_.tokenizer()),
        constraint_(Grammar::json_object(), tokenizer_, generator_.options().sampling.end_ids) {}

  Constraint constraint(const Grammar& grammar) const { return constraint_.with_grammar(grammar); }

  // Of tokens drawn from all that are allowed.
  std::string random(const Constraint& constraint, int64_t extra, uint64_t seed) const {
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
      const TokenId id = ids[static_cast<size_t>(uniform_random(seed, step, 1) * static_cast<double>(ids.size()))];
      if (tokenizer_.is_special(id)) break;  // the end
      accept(id);
    }
    if (!text.complete()) throw Error({.what = "the text is not whole: " + result});
    return result;
  }

  // As the model goes on from a prompt.
  nlohmann::json generated(const Constraint& constraint, int64_t extra, const nlohmann::json& how) {
    GenerateOptions options = generator_.options();
    options.constraint = &constraint;
    options.max_tokens = constraint.shortest() + extra;
    options.sampling.temperature = how["temperature"];
    options.sampling.seed = how["seed"];
    try {
      const Generation generation = generator_.generate(how["prompt"].get<std::string>(), options);
      if (static_cast<int64_t>(generation.ids.size()) > options.max_tokens)
        throw Error({.what = "the text does not keep the limit"});
      return generation.text;
    } catch (const Error& error) {
      return {{"error", error.what()}};
    }
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

  TextGenerator generator_;
  const Tokenizer& tokenizer_;
  const Constraint constraint_;
};

nlohmann::json answer(Texts& texts, const nlohmann::json& question, uint64_t line) {
  const Grammar grammar = Grammar::json_schema(question["schema"].get<std::string>());
  nlohmann::json result = {{"matches", nlohmann::json::array()}, {"random", nlohmann::json::array()}};
  for (const auto& text : question["texts"]) result["matches"].push_back(grammar.matches(text.get<std::string>()));
  if (!question.contains("model")) return result;
  const Constraint constraint = texts.constraint(grammar);
  const auto extra = question.value("extra", int64_t{0});
  for (uint64_t i = 0; i < question.value("random", uint64_t{0}); i++)
    result["random"].push_back(texts.random(constraint, extra, line * 1000 + i));
  result["model"] = texts.generated(constraint, extra, question["model"]);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: schema_texts FOLDER\n", 2;
  try {
    Texts texts(TextGenerator::load(argv[1], {.threads = 1}));  // which is best beside other work
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
