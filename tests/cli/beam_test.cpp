// `generate --beams` as a person uses it.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run.h"

using namespace foretell::test;
using Json = nlohmann::json;

namespace {

const std::string model = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/llama";

Outcome generate(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"generate", "-m", model, "-p", "a text", "-n", "8"});
  return run(flags);
}

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("generate --beams: --json has a line for each result, best first") {
  const Outcome outcome = generate({"--beams", "4", "--num", "3", "--json", "--ignore-eos"});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const std::vector<Json> lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 3);
  for (size_t i = 0; i < lines.size(); i++) {
    CHECK(lines[i]["ids"].size() == 8);
    CHECK(lines[i]["finish_reason"] == "length");
    CHECK(lines[i]["timing"]["decode_tokens"] == 8);
    if (i > 0) CHECK(lines[i]["score"] <= lines[i - 1]["score"]);
  }
  const std::vector<Json> diverse = lines_of(
      generate({"--beams", "4", "--beam-groups", "4", "--diversity-penalty", "9", "--num", "4", "--json"}).out);
  REQUIRE(diverse.size() == 4);
  for (size_t i = 0; i < 4; i++) {
    for (size_t j = 0; j < i; j++) CHECK(diverse[i]["ids"][0] != diverse[j]["ids"][0]);
  }
}

TEST_CASE("generate --beams: one beam is greedy, texts are numbered where there are several, --echo") {
  const std::string greedy = generate({"--greedy"}).out;
  CHECK(generate({"--beams", "1"}).out == greedy);
  CHECK(generate({"--beams", "1", "--echo"}).out == "a text" + greedy);
  const std::string out = generate({"--beams", "3", "--num", "2"}).out;
  CHECK(out.starts_with("--- 1 of 2, score -"));
  CHECK(out.find("\n--- 2 of 2, score -") != std::string::npos);
}

TEST_CASE("generate --beams: the publisher's settings hold, and flags beat them") {
  const TempFolder folder;
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json"})
    std::filesystem::copy(std::filesystem::path(model) / file, folder.path() / file);
  const auto ids = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"generate", "-m", folder.path().string(), "--ids", "5,77,200,13", "-n", "9", "--beams",
                                 "4", "--num", "4", "--json"});
    Json all;
    for (Json& line : lines_of(run(flags).out)) all.push_back({line["ids"], line["score"]});
    return all;
  };
  const Json plain = ids({});
  const Json asked =
      ids({"--length-penalty", "-1", "--early-stopping", "never", "--beam-groups", "2", "--diversity-penalty", "0.7"});
  folder.write("generation_config.json", R"({"num_beams": 2, "length_penalty": -1.0, "early_stopping": "never",
    "num_beam_groups": 2, "diversity_penalty": 0.7})");
  CHECK(plain != asked);
  CHECK(ids({}) == asked);
  CHECK(ids({"--length-penalty", "1", "--early-stopping", "false", "--beam-groups", "1", "--diversity-penalty", "0"}) ==
        plain);
  folder.write("generation_config.json", R"({"early_stopping": "soon"})");
  const Outcome refused = run({"generate", "-m", folder.path().string(), "--ids", "5", "--beams", "2"});
  CHECK(refused.code == 1);
  CHECK(refused.err.find("early_stopping") != std::string::npos);
}

TEST_CASE("generate --beams: what does not go with it is an error of the command line") {
  const std::vector<std::vector<std::string>> wrong = {{"--top-k", "3"},
                                                       {"--temp", "0.7"},
                                                       {"--adaptive-target", "0.5"},
                                                       {"--num", "3"},
                                                       {"--beam-groups", "3"},
                                                       {"--logprobs", "1"},
                                                       {"--session", "x.session"},
                                                       {"--lookup", "3"},
                                                       {"--regex", "a*"},
                                                       {"--batch-lines"},
                                                       {"--negative-prompt", "no"},
                                                       {"--early-stopping", "soon"},
                                                       {"--json-object"},
                                                       {"--draft", "other"},
                                                       {"--beams", "0"},
                                                       {"--diversity-penalty", "-1"},
                                                       {"--length-penalty", "x"}};
  for (std::vector<std::string> flags : wrong) {
    if (flags[0] != "--beams") flags.insert(flags.end(), {"--beams", "2"});
    const Outcome outcome = generate(flags);
    INFO(flags[0] << ": " << outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
  }
  CHECK(generate({"--beam-groups", "2"}).code == 2);
}
