// `near`, `analogy` and `direction` with the default model.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/run.h"

using namespace foretell::test;
using nlohmann::json;

namespace {

json result(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const Outcome outcome = run(arguments);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return json::parse(outcome.out);
}

std::vector<std::string> tokens(const json& neighbours) {
  std::vector<std::string> out;
  for (const json& n : neighbours) out.push_back(n["token"]);
  return out;
}

}  // namespace

TEST_CASE("near finds the neighbours that the reference finds") {
  const json golden =
      json::parse(read_file(std::string(FORETELL_SOURCE_DIR) + "/tests/golden/smollm2.json"))["nearest"];
  REQUIRE(golden.size() == 4);
  for (const auto& [word, expected] : golden.items()) {
    INFO(word);
    // With its space, and without: then it is looked up with one first.
    for (const std::string& given : {word, word.substr(1)}) {
      const json found = result({"near", given, "-k", std::to_string(expected.size())})["neighbours"];
      REQUIRE(found.size() == expected.size());
      for (size_t i = 0; i < expected.size(); i++) {
        CHECK(found[i]["rank"] == i + 1);
        CHECK(found[i]["id"] == expected[i]["id"]);
        CHECK(found[i]["token"] == expected[i]["token"]);
        CHECK(found[i]["cosine"].get<double>() == Approx(expected[i]["cosine"].get<double>()).margin(1e-5));
      }
    }
  }
}

TEST_CASE("near takes words of several tokens, ids and words without a space") {
  const json several = result({"near", "unbelievably", "-k", "3"});
  CHECK(several["words"][0]["ids"].size() > 1);
  CHECK_THAT(run({"near", "unbelievably"}).out, Catch::Contains(": the mean of 3 tokens"));
  // The inputs are left out, unless asked for.
  const json king = result({"near", "--ids", "4197", "-k", "1", "--include-inputs"});
  CHECK(king["neighbours"][0]["id"] == 4197);
  CHECK(king["neighbours"][0]["cosine"] == Approx(1));
  CHECK(tokens(result({"near", "--ids", "4197", "-k", "1"})["neighbours"]) == std::vector<std::string>{" King"});
  CHECK(result({"near", "<|im_end|>"})["words"][0]["ids"] == json({2}));
  CHECK(result({"near", "\u0120king"})["words"][0]["ids"] == json({4197}));  // as the vocabulary spells it
  CHECK(result({"near", "[x]"})["words"][0]["word"] == "[x]");
  CHECK(result({"near", "New", "York"})["words"][0]["ids"].size() == 2);
  // The two spaces are one where the model ties them.
  CHECK(result({"near", "king", "--space", "unembedding"}) == result({"near", "king"}));
}

TEST_CASE("king - man + woman is queen") {
  const json expected = result({"analogy", "king", "-", "man", "+", "woman"});
  CHECK(expected["neighbours"][0]["token"] == " queen");
  CHECK(expected["neighbours"][0]["rank"] == 1);
  CHECK(expected["words"].size() == 3);
  CHECK(expected["words"][1]["sign"] == -1);
  for (const json& n : expected["neighbours"])
    for (const json& word : expected["words"]) CHECK(n["id"] != word["ids"][0]);
  for (const char* expression : {"king - man + woman", "king-man+woman", "+ king - man + woman"})
    CHECK(result({"analogy", expression}) == expected);
  CHECK(result({"analogy", "New York - USA + France"})["words"][0]["word"] == "New York");
  CHECK(result({"analogy", "well-known - known"})["words"].size() == 2);
}

TEST_CASE("the direction from cat to cats leads to plurals and to larger numbers") {
  const json found = result({"direction", "cats - cat", "dog", "two", "dogs", "one", "four", "three"})["projections"];
  std::vector<std::string> words;
  for (const json& p : found) words.push_back(p["word"]);
  CHECK(words == std::vector<std::string>{"dogs", "dog", "four", "three", "two", "one"});
  CHECK(found[0]["projection"] > 0);
  CHECK(found[5]["cosine"] < 0);
  CHECK(found[5]["rank"] == 6);
}

TEST_CASE("words and expressions that are none are errors of the command line") {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{{"near"},
                                                                                     {"near", ""},
                                                                                     {"near", "king", "--ids", "1"},
                                                                                     {"near", "--ids", "99999"},
                                                                                     {"near", "king", "--space", "x"},
                                                                                     {"near", "king", "-k", "-1"},
                                                                                     {"analogy"},
                                                                                     {"analogy", "king", "-"},
                                                                                     {"analogy", "king - + man"},
                                                                                     {"analogy", "-"},
                                                                                     {"analogy", "king", "-", "king"},
                                                                                     {"direction", "cats - cat"},
                                                                                     {"direction", "cat - cat", "dog"},
                                                                                     {"direction"}}) {
    INFO(wrong.back());
    const Outcome outcome = run(wrong);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.errors().size() == 1);
  }
}
