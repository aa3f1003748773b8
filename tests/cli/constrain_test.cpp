// Text of a given form, as a person asks for it.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/run.h"
#include "foretell/constrain.h"
#include "temp_folder.h"

using namespace foretell::test;
using foretell::Grammar;
using Json = nlohmann::json;

namespace {

const std::string model = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/gpt2";

Outcome generate(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"generate", "-m", model, "-p", "a text", "--temp", "3"});
  return run(flags);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string pairs = "root ::= \"{\" pair (\", \" pair)* \"}\"\npair ::= [a-z]+ \": \" ([0-9]+ | root)";

}  // namespace

TEST_CASE("generate: the text has the form that was asked for, whatever else is asked for") {
  const Grammar grammar = Grammar::gbnf(pairs);
  for (const char* n : {"7", "9", "24", "60"}) {
    for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{},
                                                                                      {"--greedy"},
                                                                                      {"--logprobs", "1"},
                                                                                      {"--top-k", "5"},
                                                                                      {"--lookup", "4"},
                                                                                      {"--repetition-penalty", "1.5"},
                                                                                      {"--ignore-eos"},
                                                                                      {"--mirostat", "2"},
                                                                                      {"--xtc-probability", "0.5"}}) {
      std::vector<std::string> flags = {"--grammar", pairs, "-n", n, "--seed", "7", "--json"};
      flags.insert(flags.end(), more.begin(), more.end());
      const Outcome outcome = generate(flags);
      INFO(n << " " << (more.empty() ? "" : more[0]) << " " << outcome.err << outcome.out);
      REQUIRE(outcome.code == 0);
      const Json json = Json::parse(outcome.out);
      CHECK(grammar.matches(json["text"].get<std::string>()));
      CHECK(json["ids"].size() <= std::stoul(n));
      CHECK(json["finish_reason"] == "stop");
      if (json.contains("logprobs")) CHECK(json["logprobs"].size() == json["ids"].size());
    }
  }
}

TEST_CASE("generate: --regex, --num and --grammar-file") {
  const Outcome two = generate({"--regex", "[0-9]{4}-[a-f]{2}", "--num", "2", "--seed", "1", "--json"});
  REQUIRE(two.code == 0);
  const size_t line = two.out.find('\n');
  const Json first = Json::parse(two.out.substr(0, line)), second = Json::parse(two.out.substr(line));
  for (const Json& json : {first, second})
    CHECK(Grammar::regex("[0-9]{4}-[a-f]{2}").matches(json["text"].get<std::string>()));
  CHECK(first["text"] != second["text"]);

  const foretell::TempFolder folder;
  const std::string file = folder.write("pairs.gbnf", pairs).string();
  const Outcome from_file = generate({"--grammar-file", file, "--seed", "1"});
  CHECK(from_file.out == generate({"--grammar", pairs, "--seed", "1"}).out);
  const Outcome bad = generate({"--grammar-file", folder.write("bad.gbnf", "root ::= \"a\" |\n  x").string()});
  CHECK(bad.code == 1);
  CHECK(contains(bad.err, "bad.gbnf: the grammar uses a rule that it does not define: x (where: line 2, byte 3)"));
}

TEST_CASE("generate: --json-schema and --json-object") {
  const std::string schema = R"({"type":"object","properties":{"name":{"type":"string","maxLength":9},
    "tags":{"type":"array","items":{"enum":["red","green"]},"maxItems":3}},"required":["name","tags"],
    "additionalProperties":false})";
  const foretell::TempFolder folder;
  const std::string file = folder.write("schema.json", schema).string();
  for (const char* seed : {"1", "2", "3", "4"}) {
    const Outcome outcome = generate({"--json-schema", schema, "--seed", seed, "-n", "40"});
    INFO(outcome.out << outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(outcome.out == generate({"--json-schema-file", file, "--seed", seed, "-n", "40"}).out);
    const Json json = Json::parse(outcome.out);
    CHECK(json["name"].is_string());
    CHECK(json["tags"].size() <= 3);
    CHECK(json.size() == 2);
    CHECK(Json::parse(generate({"--json-object", "--seed", seed, "-n", "30"}).out).is_object());
  }
  const Outcome unknown = generate({"--json-schema", R"({"type":"object","propertis":{}})"});
  CHECK(unknown.code == 2);
  CHECK(contains(unknown.err, "--json-schema: the schema has a keyword that is not supported: propertis"));
  CHECK(contains(unknown.err, "did you mean properties"));
  const Outcome bad = generate({"--json-schema-file", folder.write("bad.json", "{\"type\":").string()});
  CHECK(bad.code == 1);
  CHECK(contains(bad.err, "bad.json: not valid JSON"));
}

TEST_CASE("next: what a form leaves is the first stage") {
  const Outcome outcome =
      run({"next", "-m", model, "-p", "a text", "--regex", "[0-9]+", "--top-k", "3", "-k", "0", "--json"});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const Json json = Json::parse(outcome.out);
  CHECK(json["stages"][0]["name"] == "grammar");
  CHECK(json["stages"][0]["kept"] >= 10);
  CHECK(json["stages"][0]["kept"] < json["candidates"].size());
  double total = 0;
  for (const Json& candidate : json["candidates"]) {
    if (candidate["final_probability"] == 0.0) continue;
    total += candidate["final_probability"].get<double>();
    CHECK(Grammar::regex("[0-9]+").matches(candidate["token"].get<std::string>()));
  }
  CHECK(total == Approx(1));
  CHECK(run({"next", "--logits", "x.json", "--regex", "a"}).code == 2);
}

TEST_CASE("generate: what is wrong with the form of a text is said before anything is written") {
  const Outcome wrong = generate({"--regex", "(a"});
  CHECK(wrong.code == 2);
  CHECK(wrong.out.empty());
  CHECK(contains(wrong.err, "error: --regex: the regular expression has a ( without a )"));
  CHECK(generate({"--grammar", "root ::= root \"a\" | \"b\""}).code == 2);
  const Outcome both = generate({"--regex", "a", "--grammar", pairs});
  CHECK(both.code == 2);
  CHECK(contains(both.err, "exclude each other"));
  const Outcome few = generate({"--regex", "[0-9]{40}", "-n", "3"});
  CHECK(few.code == 1);
  CHECK(few.out.empty());
  CHECK(contains(few.err, "too few for the shortest text"));
  CHECK(contains(few.err, "found 3"));
  const Outcome none = generate({"--regex", "[0-9]{40}", "-n", "0"});
  CHECK(none.code == 1);
  CHECK(contains(none.err, "too few for the shortest text"));
  const Outcome context = generate({"--regex", "[0-9]{400}", "-c", "32"});
  CHECK(context.code == 1);
  CHECK(contains(context.err, "the context is too small for the shortest text"));
}
