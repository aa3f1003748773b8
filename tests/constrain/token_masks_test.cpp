// What masks share: states of one kind, and how much has to be tried.
#include "constrain/token_masks.h"

#include <catch2/catch.hpp>
#include <set>

#include "constrain/grammar.h"
#include "foretell/sampling.h"

using namespace foretell;
using namespace foretell::constrain;

namespace {

const Vocabulary& vocabulary() {
  static const Tokenizer tokenizer =
      Tokenizer::load(std::string(FORETELL_SOURCE_DIR) + "/models/smollm2-135m-instruct");
  static const Vocabulary result(tokenizer);
  return result;
}

// The state after so many steps that are drawn from all bytes that can follow.
Recognizer::State random_state(Recognizer& recognizer, uint64_t seed, int steps) {
  Recognizer::State state = recognizer.start();
  for (int step = 0; step < steps; step++) {
    std::vector<Recognizer::State> next;
    for (int byte = 0; byte < 0x80; byte++) {
      const Recognizer::State s = recognizer.next(state, static_cast<uint8_t>(byte));
      if (s != Recognizer::dead && !recognizer.finished(s)) next.push_back(s);
    }
    if (next.empty()) break;
    const double drawn = uniform_random(seed, static_cast<uint64_t>(step), 0);
    state = next[static_cast<size_t>(drawn * static_cast<double>(next.size()))];
  }
  return state;
}

}  // namespace

TEST_CASE("constrain: masks of states of one kind are right for each of them") {
  const Grammar grammars[] = {
      Grammar::regex("[a-z]{20,90}(x[0-9]{3,50}){1,40}"), Grammar::regex("((a|bc)(d|e{2,30})){0,70}f{60,}"),
      Grammar::json_schema(R"({"type":"string","pattern":"^([a-z]{2}|[0-9])*$","minLength":30,"maxLength":80})"),
      Grammar::json_schema(R"({"type":"array","minItems":25,"maxItems":60,"items":{"type":"string","pattern":"a",
                               "maxLength":40}})")};
  uint64_t seed = 0;
  size_t states = 0;
  for (const Grammar& grammar : grammars) {
    Recognizer recognizer(grammar.parts().automaton);
    TokenMasks masks(recognizer, vocabulary(), {});
    std::set<uint32_t> kinds;
    for (int text = 0; text < 12; text++) {
      const Recognizer::State state = random_state(recognizer, seed, 8 * text + static_cast<int>(seed % 3));
      seed++;
      if (recognizer.finished(state)) continue;
      kinds.insert(recognizer.kind(state));
      states++;
      const TokenMasks::Mask& mask = masks.mask(state);
      for (TokenId id = 0; id < static_cast<TokenId>(vocabulary().size()); id++) {
        const std::string_view token = vocabulary().bytes(id);
        const Recognizer::State after = token.empty() ? Recognizer::dead : recognizer.next(state, token);
        const bool allowed = (mask.bits[static_cast<size_t>(id) / 64] >> (static_cast<size_t>(id) % 64) & 1) != 0;
        if (allowed != (after != Recognizer::dead)) FAIL(token << (allowed ? " is allowed" : " is not allowed"));
        if (allowed && int64_t{recognizer.cost(after)} > mask.most_left)
          FAIL(token << " leaves " << recognizer.cost(after) << " bytes, not " << mask.most_left);
      }
    }
    CHECK(kinds.size() < 12);
  }
  CHECK(states > 40);
}

TEST_CASE("constrain: where a count is far from its limits, the vocabulary is not tried again") {
  size_t far_nodes = 0;
  for (const Vocabulary::Part& part : vocabulary().parts()) {
    if (!part.near) far_nodes += part.trie.nodes().size();
  }
  for (const char* schema : {R"({"type":"string","pattern":"^[a-zA-Z ]*$","maxLength":2000})",
                             R"({"type":"string","pattern":"^[a-zA-Z ]{1,2000}$"})",
                             R"({"type":"string","pattern":"[0-9]","minLength":1800,"maxLength":3000})",
                             R"({"type":"string","format":"email","maxLength":2000})"}) {
    Recognizer recognizer(Grammar::json_schema(schema).parts().automaton);
    TokenMasks masks(recognizer, vocabulary(), {});
    Recognizer::State state = recognizer.next(recognizer.start(), "\"some");
    (void)masks.mask(state);
    const size_t before = masks.nodes_tried();
    for (int i = 0; i < 1000; i++) {
      state = recognizer.next(state, "a");
      REQUIRE(state != Recognizer::dead);
      (void)masks.mask(state);
    }
    INFO(schema);
    CHECK(masks.nodes_tried() - before <= 1000 * far_nodes);
    CHECK(masks.memory() < 4 << 20);
  }
}

TEST_CASE("constrain: tokens that a repetition takes in any case are not tried") {
  size_t nodes = 0;
  for (const Vocabulary::Part& part : vocabulary().parts()) nodes += part.trie.nodes().size();
  // A text that has begun, and how much of the vocabulary is tried there at most.
  struct Case {
    Grammar grammar;
    const char* text;
    size_t part;
  };
  const Case cases[] = {
      {Grammar::regex("[a-zA-Z ]*"), "some", 20},
      {Grammar::regex("[a-zA-Z ]{0,40}"), "some", 20},
      {Grammar::regex("[A-Z][a-z]+( [A-Z][a-z]+)*"), "Some", 8},
      {Grammar::json_schema(R"({"type":"string","pattern":"^[a-zA-Z ]*$","maxLength":2000})"), "\"some", 20},
      {Grammar::json_schema(R"({"type":"string","pattern":"^[^<>]*$","minLength":200})"), "\"some", 8},
      {Grammar::json_schema(R"({"type":"string","pattern":"[0-9]","maxLength":500})"), "\"some", 8},
      {Grammar::json_schema(R"({"type":"object","properties":{"abc":{"type":"string"}}})"), "{\"xy", 8}};
  for (const Case& c : cases) {
    Recognizer recognizer(c.grammar.parts().automaton);
    TokenMasks masks(recognizer, vocabulary(), {});
    (void)masks.mask(recognizer.next(recognizer.start(), c.text));
    INFO(c.text << ": " << masks.nodes_tried() << " of " << nodes << " nodes, of which a part in " << c.part);
    CHECK(masks.nodes_tried() < nodes / c.part);
  }
}
