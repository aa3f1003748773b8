#include "generate/endings.h"

#include <utf8proc.h>

#include <algorithm>

#include "base/json.h"

namespace foretell {
namespace {

class Line {
 public:
  Line(Json json, const std::filesystem::path& file) : json_(std::move(json)), file_(file) {}

  EndingsQuestion question(const std::optional<std::string>& beginning) const {
    EndingsQuestion q;
    const Json* text = find({"ctx", "context", "query"});
    if (text == nullptr && !beginning) fail("has no beginning", "\"ctx\", or a beginning given beside the file", "");
    if (text != nullptr && !text->is_string()) fail("the beginning is no text", "a string", text->type_name());
    q.beginning = text != nullptr ? text->get<std::string>() : *beginning;
    const Json* endings = find({"endings", "choices"});
    if (endings == nullptr || !endings->is_array() || endings->empty())
      fail("has no endings", "\"endings\": a list of texts", endings == nullptr ? "nothing" : endings->dump());
    for (const Json& ending : *endings) {
      if (!ending.is_string()) fail("an ending is no text", "a string", ending.dump());
      q.endings.push_back(ending.get<std::string>());
      if (q.endings.back().empty()) fail("an ending is empty", "at least one character", "");
    }
    if (const Json* label = find({"label", "gold"})) q.label = label_of(*label, q.endings.size());
    return q;
  }

 private:
  const Json* find(std::initializer_list<const char*> keys) const {
    for (const char* key : keys)
      if (const auto it = json_.find(key); it != json_.end()) return &*it;
    return nullptr;
  }

  // HellaSwag's test set has "" for those that are kept secret.
  std::optional<size_t> label_of(const Json& label, size_t count) const {
    if (label.is_null() || label == "") return {};
    for (size_t i = 0; i < count; i++)
      if (label == i || label == std::to_string(i)) return i;
    fail("the label is none of the endings", "0 to " + std::to_string(count - 1), label.dump());
  }

  [[noreturn]] void fail(const std::string& what, const std::string& expected, const std::string& found) const {
    throw Error({.what = what, .file = file_.string(), .expected = expected, .found = found});
  }

  Json json_;
  const std::filesystem::path& file_;
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The first character, or the last.
utf8proc_int32_t character(std::string_view text, bool last) {
  size_t at = 0;
  if (last) {
    at = text.size() - 1;
    while (at > 0 && text.size() - at < 4 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) at--;
  }
  utf8proc_int32_t code = -1;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                   static_cast<utf8proc_ssize_t>(text.size() - at), &code);
  return code;
}

bool wide(utf8proc_int32_t code) { return code >= 0 && utf8proc_charwidth(code) == 2; }

}  // namespace

std::vector<EndingsQuestion> parse_endings(std::string_view text, const std::optional<std::string>& beginning,
                                           const std::filesystem::path& file) {
  std::vector<EndingsQuestion> questions;
  EndingsQuestion lines;
  std::optional<bool> json;
  for (size_t at = 0, number = 1; at < text.size(); number++) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    if (!json) json = line[first] == '{';
    if (!*json) {
      lines.endings.emplace_back(line);
      continue;
    }
    try {
      Json object = parse_json(line, file);
      if (!object.is_object()) throw Error({.what = "is no object", .file = file.string(), .expected = "{...}"});
      questions.push_back(Line(std::move(object), file).question(beginning));
    } catch (const Error& error) {
      ErrorParts parts = error.parts();
      parts.where = "line " + std::to_string(number) + (parts.where.empty() ? "" : ", " + parts.where);
      throw Error(parts);
    }
  }
  if (!lines.endings.empty()) {
    if (!beginning)
      throw Error(
          {.what = "the endings have no beginning", .file = file.string(), .expected = "one given beside them"});
    lines.beginning = *beginning;
    questions.push_back(std::move(lines));
  }
  if (questions.empty()) throw Error({.what = "holds no endings", .file = file.string()});
  return questions;
}

std::string joined_ending(std::string_view beginning, std::string_view ending) {
  constexpr std::string_view marks = ".,;:!?)]}%";
  const bool together = beginning.empty() || ending.empty() || is_blank(beginning.back()) || is_blank(ending.front()) ||
                        marks.find(ending.front()) != std::string_view::npos || wide(character(ending, false)) ||
                        wide(character(beginning, true));
  return (together ? "" : " ") + std::string(ending);
}

}  // namespace foretell
