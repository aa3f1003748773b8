#include "generate/chat_source.h"

#include "base/mapped_file.h"
#include "foretell/error.h"

namespace foretell {
namespace {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;

OrderedJson parse(const std::string& text, const std::string& file) {
  try {
    return OrderedJson::parse(text);
  } catch (const OrderedJson::parse_error& error) {
    throw Error({.what = "not valid JSON", .file = file, .found = error.what()});
  }
}

// "<s>", or {"content": "<s>", ...}; nothing for what else stands there.
std::optional<std::string> token_text(const OrderedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("content") && value["content"].is_string())
    return value["content"].get<std::string>();
  return {};
}

void add_special_tokens(ChatSource& source, const OrderedJson& json) {
  if (!json.is_object()) return;
  for (const auto& [key, value] : json.items()) {
    if (key.ends_with("_token") && !source.special_tokens.contains(key)) {
      if (const auto text = token_text(value)) source.special_tokens[key] = *text;
    } else if (key == "additional_special_tokens" && value.is_array() && !source.special_tokens.contains(key)) {
      OrderedJson& list = source.special_tokens[key] = OrderedJson::array();
      for (const OrderedJson& item : value)
        if (const auto text = token_text(item)) list.push_back(*text);
    } else if (key == "extra_special_tokens") {  // names of the model's own: image_token...
      add_special_tokens(source, value);
    }
  }
}

void add_template(ChatSource& source, const std::string& name, const std::string& text, const std::string& where) {
  source.templates.emplace(name, NamedTemplate{text, where});
}

[[noreturn]] void not_a_template(const std::string& file, const OrderedJson& found) {
  throw Error({.what = "not a chat template",
               .file = file,
               .where = "chat_template",
               .expected = "a text, or a list of {\"name\", \"template\"}",
               .found = found.type_name()});
}

// {"chat_template": "..."} or [{"name": "default", "template": "..."}, ...] there.
void add_templates(ChatSource& source, const OrderedJson& json, const std::string& file) {
  if (!json.is_object() || !json.contains("chat_template") || json["chat_template"].is_null()) return;
  const OrderedJson& value = json["chat_template"];
  if (value.is_string()) return add_template(source, "default", value.get<std::string>(), file);
  if (!value.is_array() && !value.is_object()) not_a_template(file, value);
  if (value.is_object()) {
    for (const auto& [name, text] : value.items()) {
      if (!text.is_string()) not_a_template(file, text);
      add_template(source, name, text.get<std::string>(), file);
    }
    return;
  }
  for (const OrderedJson& item : value) {
    const auto text = [&](const char* key) {
      if (!item.is_object() || !item.contains(key) || !item[key].is_string()) not_a_template(file, item);
      return item[key].get<std::string>();
    };
    add_template(source, text("name"), text("template"), file);
  }
}

void read_folder(ChatSource& source, const fs::path& folder) {
  const fs::path plain = folder / "chat_template.jinja", more = folder / "additional_chat_templates";
  if (file_exists(plain)) add_template(source, "default", read_text_file(plain), plain.string());
  if (fs::is_directory(more)) {
    for (const auto& entry : fs::directory_iterator(more))
      if (entry.path().extension() == ".jinja")
        add_template(source, entry.path().stem().string(), read_text_file(entry.path()), entry.path().string());
  }
  for (const char* name : {"chat_template.json", "tokenizer_config.json", "special_tokens_map.json"}) {
    const fs::path file = folder / name;
    if (!file_exists(file)) continue;
    const OrderedJson json = parse(read_text_file(file), file.string());
    if (std::string_view(name) != "special_tokens_map.json") add_templates(source, json, file.string());
    add_special_tokens(source, json);
  }
}

}  // namespace

const NamedTemplate& ChatSource::choose(const std::optional<std::string>& name, bool tools) const {
  std::string wanted = name.value_or("default");
  if (!name && tools && templates.contains("tool_use")) wanted = "tool_use";
  const auto it = templates.find(wanted);
  if (it != templates.end()) return it->second;
  std::string names;
  for (const auto& [known, text] : templates) names += (names.empty() ? "" : ", ") + known;
  throw Error(
      {.what = templates.empty() ? "the model has no chat template" : "the model has no such chat template",
       .file = path,
       .expected = names.empty() ? "chat_template.jinja, or chat_template in tokenizer_config.json" : "one of " + names,
       .found = names.empty() ? "" : wanted,
       .hint = "--template FILE gives one; `foretell generate` goes on from a text as it stands"});
}

ChatSource read_chat_source(const fs::path& model, const Checkpoint* checkpoint) {
  ChatSource source;
  source.path = model.string();
  if (checkpoint && checkpoint->format == "gguf") {
    if (!checkpoint->chat_template.empty())
      add_template(source, "default", checkpoint->chat_template, source.path + ": tokenizer.chat_template");
    for (const auto& [name, text] : checkpoint->named_chat_templates)
      add_template(source, name, text, source.path + ": tokenizer.chat_template." + name);
    if (!checkpoint->tokenizer_config_json.empty())
      add_special_tokens(source, parse(checkpoint->tokenizer_config_json, source.path));
    return source;
  }
  read_folder(source, fs::is_directory(model) ? model : model.parent_path());
  return source;
}

std::vector<TokenId> encode_chat(const Tokenizer& tokenizer, const std::vector<RenderedPiece>& pieces, bool special) {
  std::vector<TextPart> parts;
  for (const RenderedPiece& piece : pieces)
    parts.push_back({.text = piece.text, .parse_special = piece.from_template || special});
  return tokenizer.encode(parts, {.add_special = false});
}

}  // namespace foretell
