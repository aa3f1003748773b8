#include "template/chat_template.h"

#include "foretell/error.h"
#include "template/interpreter.h"
#include "template/parser.h"
#include "tokenizer/utf8.h"

namespace foretell {

struct ChatTemplate::Parts {
  std::string name;
  jinja::Body body;

  // A failure as an error of this template.
  template <class Work>
  auto guarded(Work&& work) const {
    try {
      return work();
    } catch (const jinja::Failure& failure) {
      throw Error({.what = failure.what(),
                   .file = name,
                   .where = failure.line() > 0 ? "line " + std::to_string(failure.line()) : ""});
    }
  }
};

ChatTemplate::ChatTemplate(std::string_view source, std::string name) : parts_(std::make_unique<Parts>()) {
  parts_->name = std::move(name);
  if (!tokenization::is_utf8(source)) throw Error({.what = "a chat template is not UTF-8", .file = parts_->name});
  jinja::Budget budget;
  parts_->body = parts_->guarded([&] { return jinja::parse(source, budget); });
}

ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

static std::vector<RenderedPiece> cut(const jinja::Text& text) {
  std::vector<RenderedPiece> pieces;
  for (size_t begin = 0; begin < text.bytes.size();) {
    const bool marked = begin < text.marks.size() && text.marks[begin] != 0;
    size_t end = begin;
    while (end < text.bytes.size() && (end < text.marks.size() && text.marks[end] != 0) == marked) end++;
    pieces.push_back({text.bytes.substr(begin, end - begin), !marked});
    begin = end;
  }
  return pieces;
}

std::vector<RenderedPiece> ChatTemplate::render(const ChatVariables& variables) const {
  return parts_->guarded([&] {
    jinja::Budget budget;
    jinja::Dict all;
    for (const char* name : {"tools", "documents"})
      all.set(jinja::Value(name), {});  // None, as the reference gives them
    for (const auto& [from, marked] : {std::pair{&variables.settings, false}, {&variables.conversation, true}})
      for (const auto& [key, value] : from->items()) all.set(jinja::Value(key), jinja::from_json(value, marked));
    jinja::Interpreter interpreter(all, variables.now, budget);
    return cut(interpreter.render(parts_->body));
  });
}

std::string joined(const std::vector<RenderedPiece>& pieces) {
  std::string text;
  for (const RenderedPiece& piece : pieces) text += piece.text;
  return text;
}

}  // namespace foretell
