// Filters of texts.
#include <algorithm>
#include <cmath>

#include "template/filters.h"
#include "template/strings.h"
#include "tokenizer/unicode.h"
#include "tokenizer/utf8.h"

namespace foretell::jinja {
namespace {

Text text_of(const Parameters& p, Interpreter& in) { return to_text(p.required(0), in.budget()); }

template <Text (*change)(const Text&)>
Value changed(Interpreter& in, Arguments& arguments) {
  const Parameters p("filter", arguments, {"s"});
  const Text text = text_of(p, in);
  in.budget().spend(std::ssize(text.bytes));
  return change(text);
}

// Words begin after white space and -([{<.
Text title_words(const Text& text) {
  Text out;
  size_t begin = 0;
  const auto flush = [&](size_t end) {
    if (end > begin) out.append(capitalize(text.sub(begin, end)));
    begin = end;
  };
  for (size_t at = 0; at < text.bytes.size();) {
    const size_t start = at;
    const char32_t c = tokenization::next_character(text.bytes, at);
    const bool separates = c < 0x80 && std::string_view("-([{<").find(static_cast<char>(c)) != std::string_view::npos;
    if (!separates && !tokenization::is_white_space(c)) continue;
    flush(start);
    out.append(text.sub(start, at));
    begin = at;
  }
  flush(text.bytes.size());
  return out;
}

Value trim(Interpreter& in, Arguments& arguments) {
  const Parameters p("trim", arguments, {"value", "chars"});
  const Text* characters = p.given(1) ? p.at(1).text() : nullptr;
  return strip(text_of(p, in), characters, true, true);
}

Value replace_filter(Interpreter& in, Arguments& arguments) {
  const Parameters p("replace", arguments, {"s", "old", "new", "count"});
  p.required(2);
  return replace(text_of(p, in), to_text(p.required(1), in.budget()), to_text(p.at(2), in.budget()), p.integer(3, -1),
                 in.budget());
}

Value center(Interpreter& in, Arguments& arguments) {
  const Parameters p("center", arguments, {"value", "width"});
  const Text text = text_of(p, in);
  const int64_t width = p.integer(1, 80), missing = std::max<int64_t>(0, width - count_points(text.bytes));
  const int64_t left = missing / 2 + (missing & width & 1);
  return pad(text, left, missing - left, " ", in.budget());
}

Value indent(Interpreter& in, Arguments& arguments) {
  const Parameters p("indent", arguments, {"s", "width", "first", "blank"});
  const Value& value = p.required(0);
  if (value.sequence())
    throw Failure("AttributeError", "'" + type_name(value) + "' object has no attribute 'splitlines'");
  require_defined(value);
  if (!value.text())
    throw Failure("TypeError", "unsupported operand type(s) for +=: '" + type_name(value) + "' and 'str'");
  Text text = text_of(p, in);
  Text by;
  if (p.given(1) && p.at(1).text()) {
    by = *p.at(1).text();
  } else {
    by = pad(Text(), p.integer(1, 4), 0, " ", in.budget());
  }
  const bool blank = p.flag(3, false);
  text.append("\n");
  const std::vector<Text> lines = split_lines(text, false);
  Text out;
  if (p.flag(2, false)) out.append(by);
  for (size_t i = 0; i < lines.size(); i++) {
    if (i > 0) {
      out.append("\n");
      if (blank || !lines[i].bytes.empty()) out.append(by);
    }
    out.append(lines[i]);
    in.budget().make_text(std::ssize(out.bytes));
  }
  return out;
}

Value truncate(Interpreter& in, Arguments& arguments) {
  const Parameters p("truncate", arguments, {"s", "length", "killwords", "end", "leeway"});
  const Value& value = p.required(0);
  if (!value.text() && length(value) <= p.integer(1, 255) + p.integer(4, 5)) return value;
  const Text text = text_of(p, in);
  const Text end = p.text(3, "...", in.budget());
  const int64_t length = p.integer(1, 255), leeway = p.integer(4, 5), end_length = count_points(end.bytes);
  if (length < end_length)
    throw Failure("AssertionError",
                  "expected length >= " + std::to_string(end_length) + ", got " + std::to_string(length));
  const std::vector<size_t> offsets = point_offsets(text.bytes);
  if (std::ssize(offsets) - 1 <= length + leeway) return text;
  Text cut = text.sub(0, offsets[static_cast<size_t>(length - end_length)]);
  if (!p.flag(2, false)) {
    const size_t space = cut.bytes.rfind(' ');
    if (space != std::string::npos) cut = cut.sub(0, space);
  }
  cut.append(end);
  return cut;
}

Value wordcount(Interpreter& in, Arguments& arguments) {
  const Parameters p("wordcount", arguments, {"s"});
  const Text text = text_of(p, in);
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.bytes.size();) {
    const bool word = tokenization::is_word(tokenization::next_character(text.bytes, at));
    if (word && !inside) words++;
    inside = word;
  }
  return words;
}

Value wordwrap(Interpreter& in, Arguments& arguments) {
  const Parameters p("wordwrap", arguments, {"s", "width", "break_long_words", "wrapstring", "break_on_hyphens"});
  const auto width = static_cast<size_t>(std::max<int64_t>(p.integer(1, 79), 1));
  const Text wrap = p.text(3, "\n", in.budget());
  Text out;
  bool first_line = true;
  for (const Text& line : split_lines(text_of(p, in), false)) {
    if (!std::exchange(first_line, false)) out.append(wrap);
    size_t column = 0;
    for (Text word : split(line, nullptr, -1, false)) {
      auto size = static_cast<size_t>(count_points(word.bytes));
      if (column > 0 && column + 1 + size > width) {
        out.append(wrap);
        column = 0;
      } else if (column > 0) {
        out.append(" ");
        column++;
      }
      while (size > width && p.flag(2, true)) {
        const size_t cut = point_offsets(word.bytes)[width];
        out.append(word.sub(0, cut));
        out.append(wrap);
        word = word.sub(cut, word.bytes.size());
        size -= width;
        in.budget().spend(std::ssize(word.bytes));
      }
      out.append(word);
      column += size;
    }
    in.budget().make_text(std::ssize(out.bytes));
  }
  return out;
}

Value escape(Interpreter& in, Arguments& arguments) {
  const Parameters p("escape", arguments, {"s"});
  const Text text = text_of(p, in);
  Text out;
  for (size_t i = 0; i < text.bytes.size(); i++) {
    switch (text.bytes[i]) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '\'':
        out.append("&#39;");
        break;
      case '"':
        out.append("&#34;");
        break;
      default:
        out.append(text.sub(i, i + 1));
    }
  }
  in.budget().make_text(std::ssize(out.bytes));
  return out;
}

Value striptags(Interpreter& in, Arguments& arguments) {
  const Parameters p("striptags", arguments, {"value"});
  const Text text = text_of(p, in);
  Text out;
  size_t at = 0;
  while (at < text.bytes.size()) {
    const size_t open = text.bytes.find('<', at);
    const size_t close = open == std::string::npos ? open : text.bytes.find('>', open);
    if (close == std::string::npos) break;
    out.append(text.sub(at, open));
    at = close + 1;
  }
  out.append(text.sub(at, text.bytes.size()));
  Text words;
  for (const Text& word : split(out, nullptr, -1, false)) {
    if (!words.bytes.empty()) words.append(" ");
    words.append(word);
  }
  return words;
}

// `query`: for the part of an address behind its question mark.
void append_quoted(std::string& out, std::string_view text, bool query) {
  static constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x80 && std::isalnum(byte) != 0) || std::string_view("_.-~").find(c) != std::string_view::npos ||
        (c == '/' && !query)) {
      out += c;
    } else if (c == ' ' && query) {
      out += '+';
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
}

Value urlencode(Interpreter& in, Arguments& arguments) {
  const Parameters p("urlencode", arguments, {"value"});
  const Value& value = p.required(0);
  std::string out;
  if (!value.dict() && !value.sequence()) {
    const Text text = to_text(value, in.budget());
    append_quoted(out, text.bytes, false);
    return Text(out, text.marked());
  }
  std::vector<Value> pairs;
  if (const Dict* dict = value.dict()) {
    for (const auto& [k, v] : dict->items) pairs.push_back(Value::list({k, v}));
  } else {
    pairs = iterate(value, in.budget());
  }
  for (const Value& pair : pairs) {
    const std::vector<Value> two = iterate(pair, in.budget());
    if (two.size() != 2) throw Failure("ValueError", "not enough values to unpack (expected 2)");
    if (!out.empty()) out += '&';
    append_quoted(out, to_text(two[0], in.budget()).bytes, true);
    out += '=';
    append_quoted(out, to_text(two[1], in.budget()).bytes, true);
    in.budget().make_text(std::ssize(out));
  }
  return Text(out, true);
}

Value format_filter(Interpreter& in, Arguments& arguments) {  // printf's way
  if (!arguments.named.empty() && arguments.values.size() > 1)
    throw Failure("FilterArgumentError", "can't handle positional and keyword arguments at the same time");
  Value values;
  if (!arguments.named.empty()) {
    Dict dict;
    for (const auto& [key, value] : arguments.named) dict.set(Value(key), value);
    values = dict;
  } else {
    values = Value::list({arguments.values.begin() + 1, arguments.values.end()}, List::Kind::Tuple);
  }
  return arithmetic("%", to_text(arguments.values[0], in.budget()), values, in.budget());
}

Value filesizeformat(Interpreter& in, Arguments& arguments) {
  const Parameters p("filesizeformat", arguments, {"value", "binary"});
  const bool binary = p.flag(1, false);
  Arguments one;
  one.values = {p.required(0)};
  const double bytes = *in.filter("float", one).as<double>(), base = binary ? 1024 : 1000;
  if (bytes == 1) return "1 Byte";
  if (bytes < base) return std::to_string(static_cast<int64_t>(bytes)) + " Bytes";
  static constexpr const char* units = "kMGTPEZY";
  double unit = base;
  size_t index = 0;
  for (; index < 7 && bytes >= unit * base; index++) unit *= base;
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.1f %c%s", bytes / unit,
                binary ? static_cast<char>(std::toupper(units[index])) : units[index], binary ? "iB" : "B");
  return buffer;
}

}  // namespace

void add_text_filters(Filters& filters) {
  static const Filter as_text = [](Interpreter& in, Arguments& arguments) {
    const Parameters p("string", arguments, {"value"});
    return Value(text_of(p, in));
  };
  static const Filter repr = [](Interpreter& in, Arguments& arguments) {
    const Parameters p("pprint", arguments, {"value"});
    return Value(to_repr(p.required(0), in.budget()));
  };
  const Filters mine = {{"upper", changed<upper>},
                        {"lower", changed<lower>},
                        {"capitalize", changed<capitalize>},
                        {"title", changed<title_words>},
                        {"trim", trim},
                        {"replace", replace_filter},
                        {"center", center},
                        {"indent", indent},
                        {"truncate", truncate},
                        {"wordcount", wordcount},
                        {"wordwrap", wordwrap},
                        {"escape", escape},
                        {"e", escape},
                        {"forceescape", escape},
                        {"striptags", striptags},
                        {"urlencode", urlencode},
                        {"format", format_filter},
                        {"filesizeformat", filesizeformat},
                        {"string", as_text},
                        {"safe", as_text},
                        {"pprint", repr}};
  filters.insert(mine.begin(), mine.end());
}

}  // namespace foretell::jinja
