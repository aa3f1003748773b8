// Where a model's chat templates come from.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "foretell/tokenizer.h"
#include "template/chat_template.h"

namespace foretell {

struct NamedTemplate {
  std::string text;
  std::string where;  // the file that it stands in, for errors
};

// chat_template.jinja and additional_chat_templates/NAME.jinja, else chat_template.json, else tokenizer_config.json's
// "chat_template" (one, or a list of names and templates); of GGUF its metadata. The plain one is named "default".
struct ChatSource {
  std::string path;  // the model's
  std::map<std::string, NamedTemplate, std::less<>> templates;
  // "bos_token", "eos_token" and the others by name, as tokenizer_config.json or special_tokens_map.json has them.
  nlohmann::ordered_json special_tokens = nlohmann::ordered_json::object();

  // The one of that name; without a name "tool_use" where there are tools and it is there, else "default". Throws
  // Error where there is none.
  const NamedTemplate& choose(const std::optional<std::string>& name, bool tools) const;
};

// A folder need not hold more than the tokenizer's files. Throws Error.
ChatSource read_chat_source(const std::filesystem::path& model, const Checkpoint* checkpoint);

// The tokens of what a template rendered. No others are added, as the template says them all. In somebody's words no
// special token is recognized, but where `special` asks for it.
std::vector<TokenId> encode_chat(const Tokenizer& tokenizer, const std::vector<RenderedPiece>& pieces, bool special);

}  // namespace foretell
