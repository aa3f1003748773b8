#include "cli/chat_input.h"

#include <cstdlib>
#include <filesystem>

#include "arch/open_model.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "cli/prompt.h"

namespace foretell::cli {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

ChatSource read_chat_source(const Context& context) {
  const fs::path model = find_model(context.options.model);
  std::optional<Checkpoint> checkpoint;
  if (model.extension() == ".gguf") checkpoint = open_model(model, {.tensors = false});
  return read_chat_source(model, checkpoint ? &*checkpoint : nullptr);
}

ChatTemplate read_template(const ChatSource& source, const std::optional<std::string>& given, bool tools) {
  if (given && (fs::exists(*given) || !source.templates.contains(*given)))
    return ChatTemplate(read_input(*given), *given);
  const NamedTemplate& chosen = source.choose(given, tools);
  return ChatTemplate(chosen.text, chosen.where);
}

Json list_of(Json json, const char* what, const std::string& file) {
  const auto refuse = [&](const char* expected, const Json& found) {
    throw Error(
        {.what = std::string("not a list of ") + what, .file = file, .expected = expected, .found = found.type_name()});
  };
  if (json.is_object() && json.contains(what)) json = Json(json[what]);
  if (!json.is_array()) refuse("[...]", json);
  for (const Json& item : json)
    if (!item.is_object()) refuse("objects", item);
  return json;
}

std::chrono::system_clock::time_point template_time() {
  const char* epoch = std::getenv("SOURCE_DATE_EPOCH");
  if (epoch == nullptr || *epoch == '\0') return std::chrono::system_clock::now();
  return std::chrono::system_clock::from_time_t(
      parse_number(std::string_view(epoch), Whole{.least = 0}, "SOURCE_DATE_EPOCH"));
}

}  // namespace foretell::cli
