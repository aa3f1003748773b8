// Flags, variables and the config file: flags beat variables, variables beat the file, and errors name their source.
#include "cli/run.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace foretell::test;

namespace {

const std::string tokenizer = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/tokenizers/bytelevel_gpt2";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// `tokenize -p hi` with a config file and variables.
Outcome tokenize(const std::string& config, std::map<std::string, std::string> variables,
                 const std::vector<std::string>& more = {}) {
  const TempFolder folder;
  folder.write("foretell/config.toml", config);
  variables["XDG_CONFIG_HOME"] = folder.path().string();
  Invocation invocation{.arguments = {"tokenize", "-p", "hi"}, .no_input = true, .environment = variables};
  invocation.arguments.insert(invocation.arguments.end(), more.begin(), more.end());
  return run(invocation);
}

bool is_json(const Outcome& outcome) { return outcome.code == 0 && outcome.out.starts_with("{\"ids\":"); }

void check_usage_error(const Outcome& outcome, const std::string& part) {
  INFO("stderr: " << outcome.err);
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  CHECK(outcome.errors().size() == 1);
  CHECK(contains(outcome.err, part));
}

}  // namespace

TEST_CASE("flags beat variables, variables beat the config file") {
  const std::string file = "model = \"" + tokenizer + "\"\njson = true\n";
  CHECK(is_json(tokenize(file, {})));
  CHECK_FALSE(is_json(tokenize(file, {{"FORETELL_JSON", "false"}})));
  CHECK(is_json(tokenize(file, {{"FORETELL_JSON", "false"}}, {"--json"})));
  CHECK_FALSE(is_json(tokenize(file, {{"FORETELL_JSON", "true"}}, {"--json=false"})));
  CHECK(is_json(tokenize("", {{"FORETELL_MODEL", tokenizer}, {"FORETELL_JSON", "1"}})));
  CHECK(is_json(tokenize("model = 'no-such'", {{"FORETELL_MODEL", tokenizer}}, {"--json"})));
  CHECK(is_json(tokenize("model = 'no-such'", {{"FORETELL_MODEL", "nor-this"}}, {"--json", "-m", tokenizer})));
  // An empty variable is none.
  CHECK(is_json(tokenize(file, {{"FORETELL_JSON", ""}})));
}

TEST_CASE("a section of the config file is for its command alone") {
  const std::string top = "model = '" + tokenizer + "'\n";
  CHECK(is_json(tokenize(top + "[tokenize]\njson = true\n", {})));
  CHECK_FALSE(is_json(tokenize(top + "[inspect]\njson = true\n", {})));
  CHECK_FALSE(is_json(tokenize(top + "json = true\n[tokenize]\njson = false\n", {})));
  CHECK_FALSE(is_json(tokenize(top + "tokenize.json = false\njson = true\n", {})));
}

TEST_CASE("the config file is TOML") {
  const std::string model = "model = \"" + tokenizer + "\"  # the \"model\"\r\n";
  const auto text_of = [&](const std::string& prompt) {
    const TempFolder folder;
    folder.write("foretell/config.toml", model + "no_special = true\nprompt = " + prompt + "\n");
    const Outcome outcome = run({.arguments = {"tokenize", "--json"},
                                 .no_input = true,
                                 .environment = {{"XDG_CONFIG_HOME", folder.path().string()}}});
    INFO(outcome.err);
    REQUIRE(outcome.code == 0);
    std::string text;
    const auto seen = nlohmann::json::parse(outcome.out);
    for (const auto& token : seen["tokens"]) text += token["text"].get<std::string>();
    return text;
  };
  CHECK(text_of("\"a # b, c\"") == "a # b, c");
  CHECK(text_of("'a \\n b'") == "a \\n b");
  CHECK(text_of("\"tab\\there \\\"quoted\\\" \\u00e9\"") == "tab\there \"quoted\" \u00e9");
  CHECK(text_of("1_000.5") == "1000.5");
}

TEST_CASE("what is wrong in the config file or a variable is named with its place") {
  check_usage_error(tokenize("\n\njsn = true\n", {}),
                    "config.toml: a key is the name of no flag (where: line 3; found \"jsn\")");
  check_usage_error(tokenize("[tokenise]\njson = true\n", {}), "line 2; found [tokenise]");
  check_usage_error(tokenize("json = maybe\n", {}), "line 1; expected a number, true, false");
  check_usage_error(tokenize("json = \"maybe\"\n", {}), "where: line 1; expected true or false");
  check_usage_error(tokenize("color = \"red\"\n", {}), "line 1; expected one of auto, always, never, found \"red\"");
  check_usage_error(tokenize("prompt = \"open\n", {}), "line 1; expected the closing \"");
  check_usage_error(tokenize("prompt = \"\\q\"\n", {}), "line 1; expected one of the escapes");
  check_usage_error(tokenize("prompt\n", {}), "line 1; expected \"=\"");
  check_usage_error(tokenize("= 3\n", {}), "line 1; expected a key");
  check_usage_error(tokenize("", {{"FORETELL_COLOR", "red"}}), "where: variable FORETELL_COLOR; expected one of auto");
  check_usage_error(tokenize("", {{"FORETELL_JSON", "perhaps"}}),
                    "where: variable FORETELL_JSON; expected true or false");
}

TEST_CASE("neither HOME nor a config file is needed") {
  for (const auto& home : {"", "/nonexistent", "relative"}) {
    const Outcome outcome = run(
        {.arguments = {"tokenize", "-p", "hi", "-m", tokenizer}, .no_input = true, .environment = {{"HOME", home}}});
    CHECK(outcome.code == 0);
    CHECK(outcome.err.empty());
  }
}
