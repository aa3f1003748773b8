#include "generate/tool_calls.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "generate/answer_parts.h"

namespace foretell {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view args_mark = "[ARGS]", id_mark = "[CALL_ID]", calls_mark = "[TOOL_CALLS]";

std::string_view trimmed(std::string_view text) {
  constexpr auto white_space = " \t\r\n";
  const size_t begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) - begin + 1);
}

// Nothing where the text is not JSON, or nested so deep that templates would refuse it.
std::optional<Json> parse(std::string_view text) {
  constexpr int deepest = 64;
  if (text.find('\0') != std::string_view::npos) return {};  // which ends the text for the parser
  bool deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) { return !(deep |= depth > deepest); };
  Json json = Json::parse(text, watch, false);
  if (json.is_discarded() || deep) return {};
  return json;
}

const Json* member(const Json& object, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto found = object.find(name); found != object.end()) return &*found;
  return nullptr;
}

Json make_call(const std::string& name, Json arguments) {
  return {{"type", "function"}, {"function", {{"name", name}, {"arguments", std::move(arguments)}}}};
}

std::optional<Json> read_call(const Json& json) {
  if (!json.is_object()) return {};
  const Json* name = member(json, {"name", "tool_name"});
  const Json* arguments = member(json, {"arguments", "parameters"});
  if (!name || !name->is_string() || !arguments) return {};
  // Some write the object as a string that holds it.
  const std::optional<Json> inner =
      arguments->is_string() ? parse(arguments->get_ref<const std::string&>()) : std::optional(*arguments);
  if (!inner || !inner->is_object()) return {};
  Json call = make_call(*name, *inner);
  const Json* id = member(json, {"id", "tool_call_id"});
  if (id && id->is_string()) call["id"] = *id;
  return call;
}

// One object, or a list of them.
std::vector<Json> read_objects(std::string_view text) {
  const std::optional<Json> json = parse(text);
  if (!json) return {};
  const Json list = json->is_array() ? *json : Json::array({*json});
  std::vector<Json> calls;
  for (const Json& one : list) {
    std::optional<Json> call = read_call(one);
    if (!call) return {};
    calls.push_back(std::move(*call));
  }
  return calls;
}

// NAME[ARGS]{..} or NAME[CALL_ID]ID[ARGS]{..}
std::optional<Json> read_named(std::string_view text) {
  const size_t at = text.find(args_mark);
  if (at == std::string_view::npos) return {};
  std::string_view name = trimmed(text.substr(0, at)), id;
  if (const size_t mark = name.find(id_mark); mark != std::string_view::npos) {
    id = trimmed(name.substr(mark + id_mark.size()));
    name = trimmed(name.substr(0, mark));
  }
  std::optional<Json> arguments = parse(text.substr(at + args_mark.size()));
  if (name.empty() || !arguments || !arguments->is_object()) return {};
  Json call = make_call(std::string(name), std::move(*arguments));
  if (!id.empty()) call["id"] = id;
  return call;
}

// The calls between two marks; none where any of them is malformed.
std::vector<Json> read_calls(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('{') || text.starts_with('[')) return read_objects(text);
  std::vector<Json> calls;
  while (true) {
    const size_t next = text.find(calls_mark);
    std::optional<Json> call = read_named(text.substr(0, next));
    if (!call) return {};
    calls.push_back(std::move(*call));
    if (next == std::string_view::npos) return calls;
    text.remove_prefix(next + calls_mark.size());
  }
}

// Whether it is the name of one of the tools' schemas.
bool is_tool(const Json& tools, const Json& name) {
  return std::any_of(tools.begin(), tools.end(), [&](const Json& tool) {
    if (!tool.is_object()) return false;
    const Json* function = member(tool, {"function"});
    const Json* own = member(function && function->is_object() ? *function : tool, {"name"});
    return own && *own == name;
  });
}

}  // namespace

CalledTools read_tool_calls(std::string_view prompt, std::string_view answer, const Json& tools) {
  CalledTools result;
  result.said = answer;
  if (tools.is_null()) return result;
  std::string said;
  size_t done = 0;
  for (const AnswerRange& range : answer_ranges(prompt, answer)) {
    const std::string_view text = answer.substr(range.begin, range.end - range.begin);
    std::vector<Json> calls;
    if (range.part == AnswerPart::ToolCall) calls = read_calls(text);
    if (range.part == AnswerPart::Said && trimmed(text).starts_with('{') && trimmed(answer.substr(range.end)).empty()) {
      calls = read_objects(trimmed(text));
      if (!calls.empty() && !is_tool(tools, calls[0]["function"]["name"])) calls.clear();
    }
    if (calls.empty()) continue;
    said += answer.substr(done, range.outer_begin - done);
    done = range.outer_end;
    for (Json& call : calls) result.calls.push_back(std::move(call));
  }
  if (result.calls.empty()) return result;
  said += answer.substr(done);
  result.said = trimmed(said);
  return result;
}

}  // namespace foretell
