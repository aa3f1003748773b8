// The tools that an answer calls, read from the text in which the model wrote that.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace foretell {

struct CalledTools {
  std::string said;  // the answer without its calls; where it has none, as it is
  // [{"type": "function", "function": {"name": .., "arguments": {..}}}], as chat templates read it; with an "id" where
  // the model wrote one.
  nlohmann::ordered_json calls = nlohmann::ordered_json::array();
};

// Calls are {"name", "arguments"} or {"name", "parameters"}, or lists of them, between <tool_call> marks (Hermes, Qwen,
// SmolLM), behind [TOOL_CALLS] (Mistral, also as NAME[ARGS]{..}) or <|python_tag|> (Llama 3), between the marks of
// Command A; or one such object alone that names a tool (Llama 3). What is not of that form stays text, as does a call
// in a thought, which the end of `prompt` may have opened. `tools`: a list of schemas; null: no calls are looked for.
CalledTools read_tool_calls(std::string_view prompt, std::string_view answer, const nlohmann::ordered_json& tools);

}  // namespace foretell
