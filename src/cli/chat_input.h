// What `chat` and the lines of `generate --batch-lines` give to a chat template.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/context.h"
#include "generate/chat_source.h"

namespace foretell::cli {

// The templates of the model that the common options name.
ChatSource read_chat_source(const Context& context);

// `given`: a file, or else the name of one of the model's; nothing: the model's own choice. Throws Error.
ChatTemplate read_template(const ChatSource& source, const std::optional<std::string>& given, bool tools);

// A list of objects, or what stands in an object under the name `what`. Throws Error naming `file`.
nlohmann::ordered_json list_of(nlohmann::ordered_json json, const char* what, const std::string& file);

// The time that templates see: SOURCE_DATE_EPOCH, where that is set.
std::chrono::system_clock::time_point template_time();

}  // namespace foretell::cli
