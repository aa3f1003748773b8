// `tokenize` and `detokenize`, and the ways in which a text comes in.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/run.h"

using namespace foretell::test;
using nlohmann::json;

namespace {

const std::string golden = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/tokenizers/";
const std::string model = golden + "bytelevel_gpt2";

// What the reference makes of a text (tests/golden/tokenizers).
json golden_case(const std::string& name, size_t i) {
  return json::parse(read_file(golden + name + "/cases.json")).at(i);
}

json ids_of(const Invocation& invocation) {
  const Outcome outcome = run(invocation);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return json::parse(outcome.out)["ids"];
}

}  // namespace

TEST_CASE("a text from -p, a file or standard input gives the reference's ids") {
  const TempFolder folder;
  for (size_t i = 1; i < 16; i += 3) {
    const json example = golden_case("bytelevel_gpt2", i);
    const std::string text = example["text"];
    if (text.empty()) continue;
    const std::string file = folder.write("text", text).string();
    const std::vector<std::string> base = {"tokenize", "--json", "-m", model};
    const auto with = [&](std::vector<std::string> more) {
      more.insert(more.begin(), base.begin(), base.end());
      return more;
    };
    CHECK(ids_of({.arguments = with({"-p", text}), .no_input = true}) == example["ids"]);
    CHECK(ids_of({.arguments = with({"-f", file}), .no_input = true}) == example["ids"]);
    CHECK(ids_of({.arguments = with({}), .input = text}) == example["ids"]);
    CHECK(ids_of({.arguments = with({"-f", "-"}), .input = text}) == example["ids"]);
    CHECK(ids_of({.arguments = with({"-p", text, "--no-special"}), .no_input = true}) == example["ids_plain"]);
    // Standard input comes before -p.
    const size_t half = text.find(' ') == std::string::npos ? 0 : text.find(' ');
    CHECK(ids_of({.arguments = with({"-p", text.substr(half)}), .input = text.substr(0, half)}) == example["ids"]);
  }
}

TEST_CASE("offsets are bytes of the input") {
  const std::string text = "Hello, w\u00f6rld";
  const Outcome outcome = run({"tokenize", "--json", "--no-special", "-m", model, "-p", text});
  REQUIRE(outcome.code == 0);
  size_t end = 0;
  std::string together;
  const json seen = json::parse(outcome.out);
  for (const json& token : seen["tokens"]) {
    // Tokens that are parts of one character stand for all of it, as in the reference.
    CHECK(token["start"].get<size_t>() <= end);
    CHECK(token["end"].get<size_t>() >= end);
    end = token["end"];
    together += token["text"].get<std::string>();
  }
  CHECK(end == text.size());
  CHECK_FALSE(together.empty());
  const Outcome lines = run({"tokenize", "--offsets", "--no-special", "-m", model, "-p", "Hello"});
  CHECK(lines.out.find("\t0\t") != std::string::npos);
}

TEST_CASE("tokens that are parts of a character come with their bytes") {
  const std::string text = "\u6c34\U0001F9A9";
  const Outcome outcome = run({"tokenize", "--json", "--no-special", "-m", model, "-p", text});
  REQUIRE(outcome.code == 0);
  std::string together;
  int parts = 0;
  const json seen = json::parse(outcome.out);
  for (const json& token : seen["tokens"]) {
    if (token.contains("bytes")) parts++;
    if (!token.contains("bytes")) together += token["text"].get<std::string>();
    for (const json& byte : token.value("bytes", json::array())) together += static_cast<char>(byte.get<int>());
  }
  CHECK(parts > 0);
  CHECK(together == text);
}

TEST_CASE("detokenize turns ids back") {
  const json example = golden_case("bytelevel_gpt2", 12);
  std::string ids;
  for (const json& id : example["ids"]) ids += (ids.empty() ? "" : ",") + id.dump();
  const Outcome as_json = run({"detokenize", "--json", "-m", model, "--ids", ids});
  REQUIRE(as_json.code == 0);
  CHECK(json::parse(as_json.out) == json{{"text", example["decoded"]}});
  CHECK(run({"detokenize", "-m", model, "--ids", ids}).out == example["decoded"].get<std::string>());
  CHECK(run({.arguments = {"detokenize", "-m", model}, .input = ids}).out == example["decoded"].get<std::string>());
  CHECK(run({"detokenize", "-m", model, "--ids", ids, "--no-special"}).out ==
        example["decoded_skip"].get<std::string>());
  CHECK(run({"detokenize", "-m", model, "--ids", ""}).code == 0);
}

TEST_CASE("ids that are none are refused") {
  for (const char* ids : {"1,x", "-1", "1.5", "99999999999", "1,,2", "1,", "0x10", "nan", "1000000"}) {
    INFO(ids);
    const Outcome outcome = run({"detokenize", "-m", model, "--ids", ids});
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.errors().size() == 1);
  }
}

TEST_CASE("an id that the model does not have is a wrong command line") {
  const std::string llama = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/llama";
  for (const char* command : {"next", "generate", "detokenize"}) {
    const Outcome outcome = run({command, "-m", llama, "--ids", "1,320"});
    INFO(command << ": " << outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find("expected 0 to 319, found 320") != std::string::npos);
  }
}

TEST_CASE("no text at all is a wrong command line") {
  for (const char* command : {"tokenize", "detokenize"}) {
    const Outcome outcome = run({command, "-m", model});
    CHECK(outcome.code == 2);
    CHECK(outcome.errors().size() == 1);
  }
}

TEST_CASE("a text that begins with a dash is a text") {
  CHECK(run({"tokenize", "--json", "-m", model, "-p", "--json"}).code == 0);
  CHECK(run({"tokenize", "--json", "-m", model, "-p", "-1"}).code == 0);
  CHECK(run({"tokenize", "--json", "-m", model, "--prompt=-x=y"}).code == 0);
  CHECK(run({"tokenize", "--json", "-m", model, "--no-special", "--prompt="}).out == "{\"ids\":[],\"tokens\":[]}\n");
  CHECK(run({"tokenize", "-m", model, "-p"}).code == 2);
}
