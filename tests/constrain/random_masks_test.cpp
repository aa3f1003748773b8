// Masks of random expressions over random vocabularies, held against trying every token by itself.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "constrain/choices.h"
#include "constrain/grammar.h"
#include "constrain/token_masks.h"
#include "temp_folder.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/utf8.h"

using namespace foretell;
using namespace foretell::constrain;

namespace {

// Letters that repetitions take, what ends these, characters of several bytes, and long runs.
std::string random_token(Choices& choices) {
  static const std::vector<std::string> pieces = {"a",  "b",  "the", "Z",  "QUE", "0", "42",     " ",
                                                  "  ", "é",  "ß",   "日", "本",  "😀", "<",      ">",
                                                  "\"", "\\", "\n",  ".",  ",",   "-", "\u2028", "\x7f"};
  std::string token;
  if (choices.one_of(12)) {
    const std::string& piece = choices.of(pieces);
    while (token.size() < 10 + choices.below(140)) token += piece;
    return token;
  }
  const bool one_word = choices.one_of(2);
  for (size_t left = 1 + choices.below(9); left > 0; left--)
    token += one_word ? std::string(1, static_cast<char>('a' + choices.below(26))) : choices.of(pieces);
  if (choices.one_of(6)) token.pop_back();  // maybe inside of a character
  return token;
}

Tokenizer random_tokenizer(Choices& choices) {
  nlohmann::json vocabulary;
  const auto add = [&vocabulary](const std::string& token) {
    std::string name;
    for (const char byte : token)
      tokenization::append_utf8(name, tokenization::character_of_byte(static_cast<unsigned char>(byte)));
    vocabulary.emplace(name, vocabulary.size());
  };
  // Without the bytes beyond ASCII not every character can be written.
  const int bytes = choices.one_of(3) ? 0x80 : 0x100;
  for (int byte = 0; byte < bytes; byte++) add(std::string(1, static_cast<char>(byte)));
  if (choices.one_of(2)) add("é"), add("日");
  for (int i = 0; i < 900; i++) {
    if (const std::string token = random_token(choices); !token.empty()) add(token);
  }
  const nlohmann::json json = {
      {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", nlohmann::json::array()}}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
      {"decoder", {{"type", "ByteLevel"}}}};
  const TempFolder folder;
  folder.write("tokenizer.json", json.dump());
  return Tokenizer::load(folder.path().string());
}

std::string random_regex(Choices& choices, bool grouped = false) {
  static const std::vector<std::string> classes = {"[a-z]", "[a-zA-Z ]", "[^<>]", "[^a]", ".", "[0-9]",     "[a-zà-ÿ]",
                                                   "\\w",   "\\p{L}",    "\\S",   "é",    "a", "[一-龥a-m]"};
  static const std::vector<std::string> few = {"*", "+", "?", "{2,5}"};
  static const std::vector<std::string> many = {"*", "+", "{3}", "{1,40}", "{20,300}", "{4,}", "{0,17}"};
  std::string regex;
  for (size_t parts = 1 + choices.below(3); parts > 0; parts--) {
    if (!grouped && choices.one_of(3))
      regex += "(" + random_regex(choices, true) + ")" + choices.of(few);
    else
      regex += choices.of(classes) + (choices.one_of(3) ? "" : choices.of(grouped ? few : many));
  }
  if (choices.one_of(4)) regex += "|" + choices.of(classes) + choices.of(many);
  return regex;
}

Grammar random_grammar(Choices& choices) {
  if (choices.one_of(2)) return Grammar::regex(random_regex(choices));
  nlohmann::json schema = {{"type", "string"}};
  if (!choices.one_of(4)) schema["pattern"] = "^(" + random_regex(choices, true) + ")$";
  if (choices.one_of(2)) schema["minLength"] = choices.below(40);
  if (choices.one_of(2)) schema["maxLength"] = 40 + choices.below(200);
  return Grammar::json_schema(schema.dump());
}

// Holds the mask of a state against all tokens, and gives one of those that are allowed, if there is any.
std::string check_mask(Recognizer& recognizer, TokenMasks& masks, const Vocabulary& vocabulary, Recognizer::State state,
                       Choices& choices) {
  const TokenMasks::Mask& mask = masks.mask(state);
  std::vector<std::string> allowed;
  for (TokenId id = 0; id < static_cast<TokenId>(vocabulary.size()); id++) {
    const std::string token(vocabulary.bytes(id));
    const Recognizer::State after = token.empty() ? Recognizer::dead : recognizer.next(state, token);
    const bool is_set = (mask.bits[static_cast<size_t>(id) / 64] >> (static_cast<size_t>(id) % 64) & 1) != 0;
    if (is_set != (after != Recognizer::dead)) FAIL(token << (is_set ? " is allowed" : " is not allowed"));
    if (!is_set) continue;
    if (int64_t{recognizer.cost(after)} > mask.most_left)
      FAIL(token << " leaves " << recognizer.cost(after) << " bytes, not " << mask.most_left);
    if (!recognizer.finished(after)) allowed.push_back(token);
  }
  return allowed.empty() ? "" : choices.of(allowed);
}

}  // namespace

TEST_CASE("constrain: masks of random expressions over random vocabularies are what each token says") {
  size_t checked = 0, refused = 0;
  for (uint64_t seed = 0; seed < 12; seed++) {
    Choices choices(seed);
    const Tokenizer tokenizer = random_tokenizer(choices);
    const Vocabulary vocabulary(tokenizer);
    for (int expression = 0; expression < 12; expression++) {
      INFO("seed " << seed << ", expression " << expression);
      try {
        const Grammar grammar = random_grammar(choices);
        Recognizer recognizer(grammar.parts().automaton_for(vocabulary.characters()));
        TokenMasks masks(recognizer, vocabulary, {});
        Recognizer::State state = recognizer.start();
        for (int step = 0; step < 8; step++) {
          const std::string token = check_mask(recognizer, masks, vocabulary, state, choices);
          checked++;
          if (token.empty()) break;
          state = recognizer.next(state, token);
        }
      } catch (const Error& error) {
        refused++;  // what needs a character that cannot be written
        CHECK_THAT(error.what(), Catch::Contains("no text fits"));
      }
    }
  }
  CHECK(checked > 500);
  CHECK(refused < 20);
}
