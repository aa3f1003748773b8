// str(), repr() and json.dumps of Python.
#include <utf8proc.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "template/operators.h"
#include "template/value.h"
#include "tokenizer/utf8.h"

namespace foretell::jinja {
namespace {

// str.isprintable: all but separators, controls, surrogates, private use and what is not assigned.
bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
      return false;
    default:
      return true;
  }
}

std::string hex(const char* prefix, char32_t c, int digits) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "%0*x", digits, static_cast<unsigned>(c));
  return std::string("\\") + prefix + buffer;
}

std::string quote(std::string_view text) {
  const char quote = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = tokenization::next_character(text, at);
    if (c == '\\' || c == static_cast<char32_t>(quote)) {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      out += text.substr(begin, at - begin);
    } else {
      out += c < 0x100 ? hex("x", c, 2) : c < 0x10000 ? hex("u", c, 4) : hex("U", c, 8);
    }
  }
  return out + quote;
}

void append_items(Text& out, const std::vector<Value>& items, Budget& budget) {
  for (size_t i = 0; i < items.size(); i++) {
    if (i > 0) out.append(", ");
    out.append(to_repr(items[i], budget));
    budget.make_text(std::ssize(out.bytes));
  }
}

Text dict_repr(const Dict& dict, Budget& budget) {
  Text out(std::string("{"));
  for (size_t i = 0; i < dict.items.size(); i++) {
    if (i > 0) out.append(", ");
    out.append(to_repr(dict.items[i].first, budget));
    out.append(": ");
    out.append(to_repr(dict.items[i].second, budget));
    budget.make_text(std::ssize(out.bytes));
  }
  out.append("}");
  return out;
}

Text list_repr(const List& list, const Value& value, Budget& budget) {
  using Kind = List::Kind;
  if (list.kind == Kind::Generator) return Text(std::string("<generator object>"));
  if (list.kind == Kind::Range) {
    const auto item = [&](size_t i) { return to_repr(list.items[i], budget).bytes; };
    if (list.items.empty()) return Text(std::string("range(0, 0)"));
    const int64_t first = *list.items[0].as<int64_t>();
    const int64_t step = list.items.size() > 1 ? *list.items[1].as<int64_t>() - first : 1;
    const std::string end = std::to_string(*list.items.back().as<int64_t>() + step);
    return Text("range(" + item(0) + ", " + end + (step != 1 ? ", " + std::to_string(step) : "") + ")");
  }
  const bool tuple = list.kind == Kind::Tuple, view = list.kind != Kind::List && !tuple;
  Text out(view ? type_name(value) + "([" : tuple ? "(" : "[");
  append_items(out, list.items, budget);
  if (tuple && list.items.size() == 1) out.append(",");
  out.append(view ? "])" : tuple ? ")" : "]");
  return out;
}

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

  void write(const Value& value, int level) {
    const Budget::Level guard(budget_);
    budget_.make_text(std::ssize(out_.bytes));
    if (value.is_none()) {
      out_.append("null");
    } else if (const bool* b = value.as<bool>()) {
      out_.append(*b ? "true" : "false");
    } else if (const double* d = value.as<double>()) {
      out_.append(std::isnan(*d) ? "NaN" : std::isinf(*d) ? (*d < 0 ? "-Infinity" : "Infinity") : float_repr(*d));
    } else if (value.is_int()) {
      out_.append(std::to_string(*value.as<int64_t>()));
    } else if (const Text* text = value.text()) {
      write(*text);
    } else if (const List* list = value.sequence();
               list && (list->kind == List::Kind::List || list->kind == List::Kind::Tuple)) {
      write(*list, level);
    } else if (const Dict* dict = value.dict()) {
      write(*dict, level);
    } else {
      throw Failure("TypeError", "Object of type " + type_name(value) + " is not JSON serializable");
    }
  }

  Text take() { return std::move(out_); }

 private:
  void write(const Text& text) {
    std::string out = "\"";
    for (size_t at = 0; at < text.bytes.size();) {
      const size_t begin = at;
      const char32_t c = tokenization::next_character(text.bytes, at);
      switch (c) {
        case '"':
          out += "\\\"";
          continue;
        case '\\':
          out += "\\\\";
          continue;
        case '\n':
          out += "\\n";
          continue;
        case '\r':
          out += "\\r";
          continue;
        case '\t':
          out += "\\t";
          continue;
        case '\b':
          out += "\\b";
          continue;
        case '\f':
          out += "\\f";
          continue;
        default:
          break;
      }
      if (c < 0x20) {
        out += hex("u", c, 4);
      } else if (c < 0x80 || !style_.ensure_ascii) {
        if (c == 0x7f && style_.ensure_ascii) {
          out += '\x7f';
        } else {
          out += text.bytes.substr(begin, at - begin);
        }
      } else if (c < 0x10000) {
        out += hex("u", c, 4);
      } else {
        out += hex("u", 0xd800 + ((c - 0x10000) >> 10), 4) + hex("u", 0xdc00 + ((c - 0x10000) & 0x3ff), 4);
      }
    }
    out_.append(Text(out + "\"", text.marked()));
  }

  void new_line(int level) {
    if (!has_indent()) return;
    std::string line = "\n";
    for (int i = 0; i < level; i++) {
      if (style_.indent_text.empty()) {
        line.append(static_cast<size_t>(std::max(0, style_.indent)), ' ');
      } else {
        line += style_.indent_text;
      }
    }
    out_.append(line);
  }
  bool has_indent() const { return style_.indent >= 0 || !style_.indent_text.empty(); }

  void write(const List& list, int level) {
    if (list.items.empty()) return out_.append("[]");
    out_.append("[");
    for (size_t i = 0; i < list.items.size(); i++) {
      if (i > 0) out_.append(style_.item_separator);
      new_line(level + 1);
      write(list.items[i], level + 1);
    }
    new_line(level);
    out_.append("]");
  }

  static Text key_of(const Value& key) {
    if (key.text()) return *key.text();
    if (key.is_none()) return Text(std::string("null"));
    if (const bool* b = key.as<bool>()) return Text(std::string(*b ? "true" : "false"));
    if (key.is_int()) return Text(std::to_string(*key.as<int64_t>()));
    if (key.is_float()) return Text(float_repr(*key.as<double>()));
    throw Failure("TypeError", "keys must be str, int, float, bool or None, not " + type_name(key));
  }

  void write(const Dict& dict, int level) {
    if (dict.items.empty()) return out_.append("{}");
    std::vector<std::pair<Text, const Value*>> items;
    for (const auto& [key, value] : dict.items) items.emplace_back(key_of(key), &value);
    if (style_.sort_keys)
      std::stable_sort(items.begin(), items.end(),
                       [](const auto& a, const auto& b) { return a.first.bytes < b.first.bytes; });
    out_.append("{");
    for (size_t i = 0; i < items.size(); i++) {
      if (i > 0) out_.append(style_.item_separator);
      new_line(level + 1);
      write(items[i].first);
      out_.append(style_.key_separator);
      write(*items[i].second, level + 1);
    }
    new_line(level);
    out_.append("}");
  }

  const JsonStyle& style_;
  Budget& budget_;
  Text out_;
};

}  // namespace

Text to_text(const Value& value, Budget& budget) {
  if (value.text()) return *value.text();
  if (value.is_undefined()) return {};
  return to_repr(value, budget);
}

Text to_repr(const Value& value, Budget& budget) {
  const Budget::Level guard(budget);
  budget.spend(4);
  if (value.is_undefined()) return Text(std::string("Undefined"));
  if (value.is_none()) return Text(std::string("None"));
  if (const bool* b = value.as<bool>()) return Text(std::string(*b ? "True" : "False"));
  if (const int64_t* i = value.as<int64_t>()) return Text(std::to_string(*i));
  if (const double* d = value.as<double>()) return Text(float_repr(*d));
  if (const Text* text = value.text()) return Text(quote(text->bytes), text->marked());
  if (const List* list = value.sequence()) return list_repr(*list, value, budget);
  if (const Dict* dict = value.dict()) return dict_repr(*dict, budget);
  if (const Namespace* space = value.space()) {
    Dict dict;
    for (const auto& [name, item] : space->items) dict.items.emplace_back(Value(name), item);
    Text out(std::string("<Namespace "));
    out.append(dict_repr(dict, budget));
    out.append(">");
    return out;
  }
  if (const Object* object = value.object()) return Text(object->repr());
  return Text("<" + type_name(value) + ">");
}

Text to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  JsonWriter writer(style, budget);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace foretell::jinja
