// Masks, forced tokens and the token limit, held against trying every token by itself.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "constrain/choices.h"
#include "constrain/grammar.h"
#include "constrain/recognizer.h"
#include "error_of.h"
#include "foretell/constrain.h"

using namespace foretell;
using constrain::Recognizer;

namespace {

const Tokenizer& tokenizer() {
  static const Tokenizer result = Tokenizer::load(std::string(FORETELL_SOURCE_DIR) + "/models/smollm2-135m-instruct");
  return result;
}
constexpr TokenId end_id = 2;

std::vector<Grammar> grammars() {
  return {Grammar::regex("[0-9]{4}-[0-9]{2}"), Grammar::regex(R"("([^"\\]|\\.)*"( and .{3,40})?)"),
          Grammar::regex("[a-zà-ÿ]{1,200}( [^ ]+){0,3}"), Grammar::regex("(héllo|日本語|😀)+!"),
          Grammar::gbnf("root ::= \"{\" pair (\", \" pair)* \"}\"\npair ::= \"\\\"\" [a-z]{1,30} \"\\\": \" value\n"
                        "value ::= \"null\" | [0-9]+ | root | \"[\" (value (\",\" value)*)? \"]\""),
          // Counted, with conditions on what is counted.
          Grammar::json_schema(R"({"type":"string","pattern":"^(ab|cde|é[^a-z]+)*$","minLength":7,"maxLength":30})"),
          Grammar::json_schema(R"({"type":"string","pattern":"\\n|x+$","minLength":40})"),
          Grammar::json_schema(R"({"type":"array","items":{"type":"string","format":"email","maxLength":40}})")};
}

bool has(std::span<const uint64_t> bits, TokenId id) {
  const auto i = static_cast<size_t>(id);
  return i / 64 < bits.size() && (bits[i / 64] >> (i % 64) & 1) != 0;
}

std::vector<TokenId> ids_of(std::span<const uint64_t> bits) {
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < static_cast<TokenId>(bits.size() * 64); id++) {
    if (has(bits, id)) ids.push_back(id);
  }
  return ids;
}

}  // namespace

TEST_CASE("constrain: each text that has not gone wrong can be completed, and the shortest way does it") {
  uint64_t seed = 0;
  for (const Grammar& grammar : grammars()) {
    Recognizer recognizer(grammar.parts().automaton);
    for (int text = 0; text < 20; text++) {
      Choices choices(seed++);
      Recognizer::State state = recognizer.start();
      for (int step = 0; step < 60 && !recognizer.finished(state); step++) {
        std::vector<Recognizer::State> next;
        for (int byte = 0; byte < 256; byte++) {
          const Recognizer::State s = recognizer.next(state, static_cast<uint8_t>(byte));
          if (s != Recognizer::dead) next.push_back(s);
        }
        REQUIRE_FALSE(next.empty());
        state = next[choices.below(next.size())];
        const std::string rest = recognizer.shortest(state);
        REQUIRE(rest.size() == recognizer.cost(state));
        const Recognizer::State end = recognizer.next(state, rest);
        REQUIRE(end != Recognizer::dead);
        REQUIRE(recognizer.accepts(end));
        if (const auto only = recognizer.only_byte(state)) REQUIRE(recognizer.next(state, *only) != Recognizer::dead);
      }
    }
  }
}

TEST_CASE("constrain: a token is allowed exactly where its bytes keep a whole text possible") {
  std::vector<std::string> bytes;
  for (TokenId id = 0; id < tokenizer().vocabulary_size(); id++)
    bytes.push_back(tokenizer().is_special(id) ? "" : tokenizer().token_bytes(id));
  uint64_t seed = 100;
  for (const Grammar& grammar : grammars()) {
    const TokenId ends[] = {end_id};
    const Constraint constraint(grammar, tokenizer(), ends);
    Recognizer recognizer(grammar.parts().automaton);
    for (int text = 0; text < 2; text++) {
      Choices choices(seed++);
      ConstrainedText constrained(constraint);
      Recognizer::State state = recognizer.start();
      for (int step = 0; step < 6 && !constrained.finished(); step++) {
        const std::vector<TokenId> allowed = ids_of(constrained.allowed(1'000'000));
        std::vector<TokenId> expected;
        for (TokenId id = 0; id < static_cast<TokenId>(bytes.size()); id++) {
          const std::string& token = bytes[static_cast<size_t>(id)];
          const bool fits = id == end_id ? recognizer.accepts(state)
                                         : !token.empty() && recognizer.next(state, token) != Recognizer::dead;
          if (fits) expected.push_back(id);
        }
        REQUIRE(allowed == expected);
        CHECK(constrained.complete() == recognizer.accepts(state));
        TokenId chosen = allowed[choices.below(allowed.size())];
        if (chosen == end_id) break;
        constrained.accept(chosen);
        state = recognizer.next(state, bytes[static_cast<size_t>(chosen)]);
      }
    }
  }
}

TEST_CASE("constrain: whatever is chosen, the text is whole within the limit") {
  uint64_t seed = 1000;
  for (const Grammar& grammar : grammars()) {
    const TokenId ends[] = {end_id};
    const Constraint constraint(grammar, tokenizer(), ends);
    for (int run = 0; run < 12; run++) {
      Choices choices(seed++);
      ConstrainedText text(constraint);
      std::string written;
      int64_t left = constraint.shortest() + run / 2;
      const auto write = [&](TokenId id) {
        REQUIRE(left-- > 0);
        text.accept(id);
        written += tokenizer().token_bytes(id);
      };
      while (!text.finished()) {
        const auto forced = text.forced(left);
        for (const TokenId id : std::vector(forced.begin(), forced.end())) write(id);
        if (!forced.empty()) continue;
        if (left == 0) break;
        const auto ids = ids_of(text.allowed(left));
        const TokenId id = ids[choices.below(ids.size())];
        if (id == end_id) break;
        write(id);
      }
      INFO(written);
      CHECK(text.complete());
      CHECK(grammar.matches(written));
    }
  }
}

TEST_CASE("constrain: only allowed tokens are candidates, many or few") {
  Choices choices(77);
  std::vector<float> logits(1000);
  for (float& logit : logits) logit = static_cast<float>(choices.below(1000));
  for (const size_t share : {1UL, 30UL, 95UL, 100UL}) {
    for (const bool all_finite : {true, false}) {
      logits[700] = all_finite ? 1 : -std::numeric_limits<float>::infinity();
      std::vector<uint64_t> allowed(20);  // more than there are logits
      std::vector<TokenId> expected;
      for (size_t i = 0; i < allowed.size() * 64; i++) {
        if (choices.below(100) >= share) continue;
        allowed[i / 64] |= uint64_t{1} << (i % 64);
        if (i < logits.size() && std::isfinite(logits[i])) expected.push_back(static_cast<TokenId>(i));
      }
      Candidates candidates;
      candidates.assign(logits, allowed);
      REQUIRE(candidates.size() == expected.size());
      for (size_t i = 0; i < expected.size(); i++) {
        CHECK(candidates[i].id == expected[i]);
        CHECK(candidates[i].logit == logits[static_cast<size_t>(expected[i])]);
      }
    }
  }
  logits[3] = std::numeric_limits<float>::quiet_NaN();
  Candidates candidates;
  const std::vector<uint64_t> none(16), third = {8};
  CHECK(foretell::test::error_of([&] { candidates.assign(logits, none); }).find("no token can come") !=
        std::string::npos);
  CHECK(foretell::test::error_of([&] { candidates.assign(logits, third); }).find("not all numbers") !=
        std::string::npos);
}

TEST_CASE("constrain: forced text comes as the tokenizer writes it") {
  const Constraint constraint(Grammar::regex(R"(\{"full_name": "[A-Z][a-z]+", "population": [0-9]+\})"), tokenizer(),
                              {});
  ConstrainedText text(constraint);
  const auto forced = text.forced(100);
  const std::vector<TokenId> first(forced.begin(), forced.end());
  REQUIRE_FALSE(first.empty());
  const std::vector<TokenId> canonical = tokenizer().encode(R"({"full_name": ")");
  REQUIRE(first.size() <= canonical.size());
  CHECK(std::equal(first.begin(), first.end(), canonical.begin()));
  CHECK(first.size() + 1 >= canonical.size());  // the last may be the beginning of a longer token
  for (const TokenId id : first) text.accept(id);
  for (const char* name : {"{\"full_name\": \""}) {
    const std::string rest = std::string(name).substr(tokenizer().decode(first).size());
    for (const TokenId id : tokenizer().encode(rest)) text.accept(id);
  }
  for (const TokenId id : tokenizer().encode("Rome\"")) text.accept(id);
  const auto second = text.forced(100);
  CHECK(tokenizer().decode(second).starts_with(", \"population\":"));
}

TEST_CASE("constrain: tokens that do not fit, and texts that the tokens cannot write") {
  const Constraint constraint(Grammar::regex("ab?"), tokenizer(), {});
  ConstrainedText text(constraint);
  const auto refused = [&](TokenId id) { return foretell::test::error_of([&] { text.accept(id); }); };
  CHECK(refused(tokenizer().encode("x")[0]).find("does not fit") != std::string::npos);
  CHECK(refused(-1).find("does not fit") != std::string::npos);
  CHECK(refused(1'000'000).find("does not fit") != std::string::npos);
  text.accept(tokenizer().encode("a")[0]);
  CHECK(text.complete());
  CHECK_FALSE(text.finished());
  // The default model has no token for U+0004.
  CHECK(foretell::test::error_of([] { Constraint(Grammar::regex("\\x04+"), tokenizer(), {}); }) ==
        "no text fits the grammar (expected a grammar that some text comes to the end of)");
}
