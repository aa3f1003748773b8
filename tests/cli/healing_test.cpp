// --token-healing as a person uses it: with the default model, where it is of use, and with a tiny one.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run.h"
#include "foretell/healing.h"

using namespace foretell::test;
using Json = nlohmann::json;
using Strings = std::vector<std::string>;

namespace {

const std::string source = FORETELL_SOURCE_DIR;
const std::string tiny = source + "/tests/golden/arch/llama";

Strings joined(Strings a, const Strings& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Outcome generate(const Strings& flags) { return run(joined({"generate", "--seed", "4"}, flags)); }

Json json_of(const Strings& flags) {
  const Outcome outcome = generate(joined(flags, {"--json"}));
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return Json::parse(outcome.out);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("generate --token-healing: a link, and a text after a blank") {
  const Strings link = {"-p", "The link is <a href=\"http:", "--greedy", "-n", "4"};
  CHECK(generate(joined(link, {"--token-healing"})).out.starts_with("//"));
  const Strings blank = {"-p", "The capital of France is ", "--greedy", "-n", "3"};
  CHECK_FALSE(generate(blank).out.starts_with("Paris"));
  CHECK(generate(joined(blank, {"--token-healing"})).out.starts_with("Paris"));
  const Outcome next = run({"next", "-p", "The link is <a href=\"http:", "--token-healing", "--json", "-k", "0"});
  const Json json = Json::parse(next.out);
  CHECK(json["stages"][0]["name"] == "token-healing");
  for (const Json& token : json["candidates"]) {
    const bool allowed = token["token"].get<std::string>().starts_with(":");
    CHECK(allowed == (token["final_probability"].get<double>() > 0));
  }
  const auto best =
      std::max_element(json["candidates"].begin(), json["candidates"].end(),
                       [](const Json& a, const Json& b) { return a["final_probability"] < b["final_probability"]; });
  CHECK((*best)["token"] == "://");
}

TEST_CASE("generate --token-healing: prompts are healed as transformers heals them, where it means the same") {
  const Json rows = Json::parse(read_file(source + "/tests/golden/token_healing/smollm2.json"));
  const foretell::Tokenizer tokenizer = foretell::Tokenizer::load(source + "/models/smollm2-135m-instruct");
  const foretell::TokenHealing healing(tokenizer, {});
  std::string lines;
  std::vector<std::vector<foretell::TokenId>> expected;
  for (const Json& row : rows) {
    std::vector<foretell::TokenId> prompt = row["ids"];
    if (healing.take_back(prompt).ids.size() != 1) continue;  // transformers takes one token back
    lines += Json{{"ids", row["ids"]}, {"token_healing", true}, {"max_tokens", 1}}.dump() + "\n";
    expected.push_back(row["healed"]);
  }
  REQUIRE(expected.size() > 30);
  const Outcome outcome = run({.arguments = {"generate", "--batch-lines", "--greedy"}, .input = lines});
  REQUIRE(outcome.code == 0);
  std::istringstream out(outcome.out);
  size_t at = 0;
  for (std::string line; std::getline(out, line); at++) {
    const Json result = Json::parse(line);
    CAPTURE(line);
    std::vector<foretell::TokenId> ids = result["prompt_ids"];
    ids.push_back(result["ids"].at(0));
    CHECK(ids == expected.at(at));
  }
  CHECK(at == expected.size());
}

TEST_CASE("generate --token-healing: the text beside what else is asked for") {
  const Strings common = {"-m", tiny, "-p", "the small text of th", "--temp", "2", "-n", "20", "--ignore-eos"};
  const Json plain = json_of(joined(common, {"--token-healing"}));
  CHECK(plain["prompt_ids"].size() < json_of(common)["prompt_ids"].size());
  for (const Strings& more : std::vector<Strings>{{"--lookup", "5"}, {"--draft", tiny}, {"--logprobs", "1"}}) {
    CAPTURE(more[0]);
    CHECK(json_of(joined(joined(common, {"--token-healing"}), more))["ids"] == plain["ids"]);
  }
  const std::string text = plain["text"];
  const Strings plain_text = joined(common, {"--token-healing"});
  CHECK(generate(plain_text).out == text + "\n");
  CHECK(generate(joined(plain_text, {"--echo"})).out == "the small text of th" + text + "\n");
  const Outcome many = generate(joined(plain_text, {"--num", "3", "--json"}));
  std::istringstream lines(many.out);
  std::string first;
  std::getline(lines, first);
  CHECK(Json::parse(first)["ids"] == plain["ids"]);
  // Ids are healed by their bytes; asking for nothing takes nothing back.
  std::string ids;
  const Json unhealed = json_of(common);
  for (const Json& id : unhealed["prompt_ids"]) ids += (ids.empty() ? "" : ",") + id.dump();
  const Strings by_ids = {"-m", tiny, "--ids", ids, "--temp", "2", "-n", "20", "--ignore-eos", "--token-healing"};
  CHECK(json_of(by_ids)["text"] == text);
  const std::string begin = run({"detokenize", "-m", tiny, "--ids", ids}).out;
  CHECK(begin + text == generate(joined(by_ids, {"--echo"})).out.substr(0, begin.size() + text.size()));
  CHECK(json_of(joined(common, {"--token-healing", "-n", "0"}))["prompt_ids"] == json_of(common)["prompt_ids"]);
}

TEST_CASE("generate --token-healing: a session goes on, also where the text broke off in what was taken back") {
  const TempFolder folder;
  const std::string file = (folder.path() / "a.session").string();
  const Strings common = {"-m", tiny, "--greedy", "--ignore-eos", "--token-healing"};
  const Strings prompt = {"-p", "the small text of th", "-n", "12"};
  const Json whole = json_of(joined(common, {"-p", "the small text of th", "-n", "20"}));
  const Json first = json_of(joined(joined(common, prompt), {"--session", file}));
  const Json second = json_of({"-m", tiny, "--greedy", "--ignore-eos", "-n", "8", "--session", file});
  Json ids = first["ids"];
  for (const Json& id : second["ids"]) ids.push_back(id);
  CHECK(ids == whole["ids"]);
  // What a text needs most of is its prompt: with one token it may break off before that is there.
  std::filesystem::remove(file);
  const Json broken = json_of(joined(common, {"-p", "the small text of th", "-n", "1", "--session", file}));
  const Json after = json_of({"-m", tiny, "--greedy", "-n", "0", "--session", file});
  const auto text_of = [](const Json& ids) {
    std::string list;
    for (const Json& id : ids) list += (list.empty() ? "" : ",") + id.dump();
    return run({"detokenize", "-m", tiny, "--ids", list}).out;
  };
  CHECK(text_of(after["prompt_ids"]).starts_with("the small text of th"));
}

TEST_CASE("generate --token-healing: a publisher's setting, and what it does not go with") {
  const TempFolder folder;
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"})
    folder.write(name, read_file(tiny + "/" + name));
  folder.write("generation_config.json", R"({"token_healing": true})");
  const std::string model = folder.path().string();
  const Strings common = {"-p", "the small text of th", "--temp", "2", "-n", "5"};
  const Json healed = json_of(joined(common, {"-m", tiny, "--token-healing"}));
  CHECK(json_of(joined(common, {"-m", model}))["prompt_ids"] == healed["prompt_ids"]);
  CHECK(json_of(joined(common, {"-m", model, "--token-healing=false"}))["prompt_ids"] != healed["prompt_ids"]);
  CHECK(json_of(joined(common, {"-m", model, "--regex", "a*"}))["prompt_ids"] != healed["prompt_ids"]);
  for (const char* command : {"generate", "next"}) {
    const Outcome both = run({command, "-m", tiny, "-p", "a", "--token-healing", "--regex", "a*"});
    CHECK(both.code == 2);
    CHECK(both.out.empty());
    CHECK(contains(both.err, "exclude each other"));
  }
  std::filesystem::remove(folder.path() / "tokenizer.json");
  const Outcome none = run({"generate", "-m", model, "--ids", "1,2", "--token-healing"});
  CHECK(none.code == 1);
  CHECK(contains(none.err, "token healing needs a tokenizer, and the model has none"));
  CHECK(run({"generate", "-m", model, "--ids", "1,2", "-n", "2"}).code == 0);  // as nobody asked for it
}
