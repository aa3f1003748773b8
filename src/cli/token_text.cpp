#include "cli/token_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/terminal.h"
#include "tokenizer/utf8.h"

namespace foretell::cli {

std::string shown_token(std::string_view bytes, int width) {
  std::string text;
  for (const char c : visible(bytes)) c == ' ' ? text += "␣" : text += c;
  if (display_width(text) <= width) return text;
  std::string cut;
  for (size_t at = 0; at < text.size();) {
    const size_t length = tokenization::character_length(text[at]);
    const std::string character = text.substr(at, length);
    if (display_width(cut) + display_width(character) > width - 1) break;
    cut += character;
    at += length;
  }
  return cut + "…";
}

std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t plain = std::min(text.find_first_of("\n\t"), text.size());
    out += visible(text.substr(0, plain));
    if (plain < text.size()) out += text[plain];
    text.remove_prefix(std::min(plain + 1, text.size()));
  }
  return out;
}

void add_token(nlohmann::ordered_json& object, const Tokenizer* tokenizer, TokenId id, const char* name) {
  const std::string bytes = tokenizer ? tokenizer->token_bytes(id) : std::string();
  object[name] = bytes;  // print_json writes U+FFFD for what is no UTF-8
  if (tokenization::is_utf8(bytes)) return;
  object["bytes"] = nlohmann::ordered_json::array();
  for (const char c : bytes) object["bytes"].push_back(static_cast<unsigned char>(c));
}

}  // namespace foretell::cli
