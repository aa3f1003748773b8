#include "generate/tool_calls.h"

#include <catch2/catch.hpp>

using foretell::CalledTools;
using Json = nlohmann::ordered_json;

namespace {

const Json tools = Json::parse(R"([{"type": "function", "function": {"name": "weather", "parameters": {}}}])");

CalledTools read(const std::string& answer, const std::string& prompt = "") {
  return foretell::read_tool_calls(prompt, answer, tools);
}

Json call(const std::string& arguments, const std::string& name = "weather") {
  return {{"type", "function"}, {"function", {{"name", name}, {"arguments", Json::parse(arguments)}}}};
}

}  // namespace

TEST_CASE("tool calls are read in the forms of published models") {
  const CalledTools hermes = read(
      "I look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>\n<tool_call>"
      "{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}</tool_call>\n");
  CHECK(hermes.said == "I look.");
  CHECK(hermes.calls == Json::array({call(R"({"city": "Oslo"})"), call(R"({"city": "Rome"})")}));
  // SmolLM2's list, and one that was cut off behind the call.
  CHECK(read(R"(<tool_call>[{"name": "weather", "arguments": {"a": 1}}])").calls == Json::array({call(R"({"a": 1})")}));

  const CalledTools mistral = read(R"([TOOL_CALLS][{"name": "weather", "arguments": {"a": 1}, "id": "123456789"}])");
  CHECK(mistral.said.empty());
  Json expected = call(R"({"a": 1})");
  expected["id"] = "123456789";
  CHECK(mistral.calls == Json::array({expected}));
  expected["id"] = "x";
  const CalledTools named = read(R"([TOOL_CALLS]weather[ARGS]{"b": [2]}[TOOL_CALLS]weather[CALL_ID]x[ARGS]{"a": 1})");
  CHECK(named.calls == Json::array({call(R"({"b": [2]})"), expected}));

  const std::string llama = R"({"name": "weather", "parameters": {"city": "Oslo"}})";
  CHECK(read("<|python_tag|>" + llama).calls == Json::array({call(R"({"city": "Oslo"})")}));
  CHECK(read("\n" + llama).calls == Json::array({call(R"({"city": "Oslo"})")}));
  CHECK(read("<think>So.</think>\n" + llama).said == "<think>So.</think>");
  CHECK(read(R"(<tool_call>{"name": "weather", "arguments": "{\"a\": 1}"}</tool_call>)").calls ==
        Json::array({call(R"({"a": 1})")}));
}

TEST_CASE("what is no tool call stays text") {
  const std::string good = R"({"name": "weather", "arguments": {}})";
  for (const std::string& text : {
           std::string("hello"),
           std::string("<tool_call>{\"name\": \"weather\", \"arguments\": {}</tool_call>"),
           std::string("<tool_call></tool_call> "),
           std::string("<tool_call>{\"name\": 5, \"arguments\": {}}</tool_call>"),
           std::string("<tool_call>{\"name\": \"weather\", \"arguments\": [1]}</tool_call>"),
           std::string("<tool_call>{\"name\": \"weather\"}</tool_call>"),
           "<tool_call>[" + good + ", 3]</tool_call>",
           "<tool_call>" + std::string(100000, '[') + "</tool_call>",
           std::string("<|python_tag|>print(1)"),
           std::string("[TOOL_CALLS]weather"),
           std::string("[TOOL_CALLS]weather[ARGS]{"),
           "So: " + good,
           std::string(R"({"name": "Oslo", "parameters": {}})"),
           "<think><tool_call>" + good + "</tool_call></think>",
       }) {
    CAPTURE(text.substr(0, 100));
    const CalledTools found = read(text);
    CHECK(found.calls.empty());
    CHECK(found.said == text);
  }
  CHECK(read("<tool_call>" + good + "</tool_call>", "<think>\n").calls.empty());
  CHECK(foretell::read_tool_calls("", "<tool_call>" + good + "</tool_call>", nullptr).calls.empty());
  // One that is malformed stands beside one that is not.
  const CalledTools both = read("<tool_call>{</tool_call><tool_call>" + good + "</tool_call>");
  CHECK(both.said == "<tool_call>{</tool_call>");
  CHECK(both.calls.size() == 1);
}
