// Any bytes: an answer has calls that are objects with a name and arguments, or it stays as it is.
#include <cstdint>
#include <cstdlib>

#include "generate/tool_calls.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view answer(reinterpret_cast<const char*>(data), size);
  const auto tools = nlohmann::ordered_json::parse(R"([{"type":"function","function":{"name":"f"}}])");
  for (const char* prompt : {"", "<think>\n"}) {
    const foretell::CalledTools called = foretell::read_tool_calls(prompt, answer, tools);
    if (called.calls.empty() && called.said != answer) std::abort();
    for (const auto& call : called.calls)
      if (!call["function"]["name"].is_string() || !call["function"]["arguments"].is_object()) std::abort();
    if (called.calls.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).empty()) std::abort();
  }
  return 0;
}
