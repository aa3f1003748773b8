// str.format and Python's format specifications.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "template/interpreter.h"
#include "template/strings.h"
#include "tokenizer/utf8.h"

namespace foretell::jinja {
namespace {

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Spec {
  std::string fill = " ";
  char align = 0, sign = 0, grouping = 0, type = 0;
  bool alternate = false, zero = false;
  int64_t width = 0, precision = -1;
};

int64_t digits_of(const std::string& spec, size_t& at) {
  int64_t number = 0;
  while (at < spec.size() && spec[at] >= '0' && spec[at] <= '9') {
    number = number * 10 + (spec[at++] - '0');
    if (number > Budget::most_output) throw Failure("ValueError", "Too many decimal digits in format string");
  }
  return number;
}

Spec parse_spec(const std::string& text) {
  Spec spec;
  size_t at = 0;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '=' || c == '^'; };
  const size_t first = text.empty() ? 0 : tokenization::character_length(text[0]);
  if (first > 0 && first < text.size() && is_align(text[first])) {
    spec.fill = text.substr(0, first);
    spec.align = text[first];
    at = first + 1;
  } else if (!text.empty() && is_align(text[0])) {
    spec.align = text[at++];
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' ')) spec.sign = text[at++];
  if (at < text.size() && text[at] == '#') spec.alternate = true, at++;
  if (at < text.size() && text[at] == '0') {
    spec.zero = true;
    if (spec.align == 0) spec.fill = "0";
    at++;
  }
  spec.width = digits_of(text, at);
  if (at < text.size() && (text[at] == ',' || text[at] == '_')) spec.grouping = text[at++];
  if (at < text.size() && text[at] == '.') {
    const size_t begin = ++at;
    spec.precision = digits_of(text, at);
    if (at == begin) throw Failure("ValueError", "Format specifier missing precision");
    if (spec.precision > 1000) throw Failure("ValueError", "precision too big");
  }
  if (at < text.size()) spec.type = text[at++];
  if (at < text.size()) throw Failure("ValueError", "Invalid format specifier");
  return spec;
}

std::string grouped(const std::string& digits, char separator, size_t every) {
  const size_t end = std::min(digits.find_first_of(".e"), digits.size());
  std::string out;
  for (size_t i = 0; i < end; i++) {
    if (i > 0 && (end - i) % every == 0) out += separator;
    out += digits[i];
  }
  return out + digits.substr(end);
}

std::string float_digits(double number, const Spec& spec) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return "inf";
  char type = spec.type;
  std::string text;
  if (type == 0 && spec.precision < 0) {
    text = float_repr(number);
  } else {
    const bool percent = type == '%';
    if (type == 0) type = 'g';
    const char pattern[] = {'%', '.', '*', percent ? 'f' : type, '\0'};
    char buffer[1500];
    std::snprintf(buffer, sizeof buffer, pattern, static_cast<int>(spec.precision < 0 ? 6 : spec.precision),
                  percent ? number * 100 : number);
    text = buffer;
    if (spec.type == 0 && text.find_first_of(".en") == std::string::npos) text += ".0";
    if (percent) text += '%';
  }
  return spec.grouping != 0 ? grouped(text, spec.grouping, 3) : text;
}

std::string integer_digits(uint64_t number, const Spec& spec) {
  const int base = spec.type == 'x' || spec.type == 'X' ? 16 : spec.type == 'o' ? 8 : spec.type == 'b' ? 2 : 10;
  char buffer[80];
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, number, base).ptr);
  if (spec.type == 'X')
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  if (spec.grouping != 0) text = grouped(text, spec.grouping, base == 10 ? 3 : 4);
  if (spec.alternate && base != 10) text = std::string("0") + spec.type + text;
  return text;
}

Text number_text(const std::string& sign, const std::string& digits, const Spec& spec, Budget& budget) {
  const int64_t missing = std::max<int64_t>(0, spec.width - static_cast<int64_t>(sign.size() + digits.size()));
  if (spec.align == '=' || (spec.align == 0 && spec.zero)) {
    Text out(sign);
    out.append(pad(Text(digits), missing, 0, spec.fill, budget));
    return out;
  }
  const char align = spec.align == 0 ? '>' : spec.align;
  const int64_t left = align == '<' ? 0 : align == '>' ? missing : missing / 2;
  return pad(Text(sign + digits), left, missing - left, spec.fill, budget);
}

std::string sign_of(bool negative, const Spec& spec) {
  return negative ? "-" : spec.sign == 0 || spec.sign == '-' ? "" : std::string(1, spec.sign);
}

[[noreturn]] void unknown_code(const Spec& spec, const Value& value) {
  throw Failure("ValueError",
                std::string("Unknown format code '") + spec.type + "' for object of type '" + type_name(value) + "'");
}

Text padded_text(Text text, const Spec& spec, const Value& value, Budget& budget) {
  if (spec.type != 0 && spec.type != 's') unknown_code(spec, value);
  if (spec.align == '=') throw Failure("ValueError", "'=' alignment not allowed in string format specifier");
  if (spec.sign != 0) throw Failure("ValueError", "Sign not allowed in string format specifier");
  if (spec.grouping != 0) throw Failure("ValueError", std::string("Cannot specify '") + spec.grouping + "' with 's'.");
  if (spec.precision >= 0) {
    const std::vector<size_t> offsets = point_offsets(text.bytes);
    text = text.sub(0, offsets[std::min(static_cast<size_t>(spec.precision), offsets.size() - 1)]);
  }
  const int64_t missing = std::max<int64_t>(0, spec.width - count_points(text.bytes));
  const int64_t left = spec.align == '>' ? missing : spec.align == '^' ? missing / 2 : 0;
  return pad(text, left, missing - left, spec.fill, budget);
}

// The fields of a format: "{", name with attributes and items, "!r", ":spec", "}".
class Formatter {
 public:
  Formatter(Interpreter& in, const Arguments& arguments) : in_(in), arguments_(arguments) {}

  Text format(const Text& text) {
    const Budget::Level guard(in_.budget());
    Text out;
    const std::string& s = text.bytes;
    for (size_t at = 0; at < s.size();) {
      const size_t brace = s.find_first_of("{}", at);
      if (brace == std::string::npos) {
        out.append(text.sub(at, s.size()));
        break;
      }
      out.append(text.sub(at, brace));
      if (brace + 1 < s.size() && s[brace + 1] == s[brace]) {
        out.append(text.sub(brace, brace + 1));
        at = brace + 2;
      } else if (s[brace] == '}') {
        throw Failure("ValueError", "Single '}' encountered in format string");
      } else {
        at = end_of_field(s, brace);
        out.append(field(text.sub(brace + 1, at - 1)));
      }
      in_.budget().make_text(std::ssize(out.bytes));
    }
    return out;
  }

 private:
  static size_t end_of_field(const std::string& s, size_t brace) {
    int depth = 0;
    for (size_t at = brace; at < s.size(); at++) {
      if (s[at] == '{') depth++;
      if (s[at] == '}' && --depth == 0) return at + 1;
    }
    throw Failure("ValueError", brace + 1 < s.size() ? "expected '}' before end of string"
                                                     : "Single '{' encountered in format string");
  }

  Text field(const Text& field) {
    const std::string& s = field.bytes;
    size_t name_end = std::min(s.find_first_of("!:"), s.size());
    if (const size_t bracket = s.find('['); bracket < name_end)
      name_end = std::min(s.find_first_of("!:", std::min(s.find(']', bracket), s.size())), s.size());
    Value value = argument(s.substr(0, name_end));
    size_t at = name_end;
    if (at < s.size() && s[at] == '!') {
      const char conversion = at + 1 < s.size() ? s[at + 1] : '\0';
      if (conversion != 's' && conversion != 'r' && conversion != 'a')
        throw Failure("ValueError", "unknown conversion specifier");
      value = conversion == 's' ? to_text(value, in_.budget()) : to_repr(value, in_.budget());
      at += 2;
    }
    std::string spec;
    if (at < s.size()) spec = format(field.sub(at + 1, s.size())).bytes;
    return format_value(in_, value, spec);
  }

  Value argument(const std::string& name) {
    const size_t end = std::min(name.find_first_of(".["), name.size());
    const std::string first = name.substr(0, end);
    Value value = by_name(first);
    for (size_t at = end; at < name.size();) {
      if (name[at] == '.') {
        const size_t stop = std::min(name.find_first_of(".[", at + 1), name.size());
        value = in_.attribute(value, name.substr(at + 1, stop - at - 1));
        at = stop;
      } else {
        const size_t stop = name.find(']', at);
        if (stop == std::string::npos) throw Failure("ValueError", "Missing ']' in format string");
        const std::string key = name.substr(at + 1, stop - at - 1);
        const bool number = !key.empty() && key.size() < 10 && key.find_first_not_of("0123456789") == std::string::npos;
        value = in_.item(value, number ? Value(int64_t{std::stol(key)}) : Value(key));
        at = stop + 1;
      }
    }
    return value;
  }

  Value by_name(const std::string& name) {
    size_t index = next_;
    if (name.empty()) {
      next_++;
    } else if (name.size() < 10 && name.find_first_not_of("0123456789") == std::string::npos) {
      index = static_cast<size_t>(std::stol(name));
    } else {
      for (const auto& [key, value] : arguments_.named)
        if (key == name) return value;
      throw Failure("KeyError", "'" + name + "'");
    }
    if (index < arguments_.values.size()) return arguments_.values[index];
    throw Failure("IndexError",
                  "Replacement index " + std::to_string(index) + " out of range for positional args tuple");
  }

  Interpreter& in_;
  const Arguments& arguments_;
  size_t next_ = 0;
};

}  // namespace

Text format_value(Interpreter& in, const Value& value, const std::string& text) {
  Budget& budget = in.budget();
  if (text.empty()) return to_text(value, budget);
  const Spec spec = parse_spec(text);
  const bool as_float = spec.type != 0 && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
  const bool as_integer = spec.type == 0 || std::string_view("bdoxXnc").find(spec.type) != std::string_view::npos;
  if (value.is_int() || value.is_bool()) {
    const int64_t number = as_index(value);
    if (as_float)
      return number_text(sign_of(number < 0, spec), float_digits(std::abs(static_cast<double>(number)), spec), spec,
                         budget);
    if (!as_integer) unknown_code(spec, value);
    if (spec.precision >= 0) throw Failure("ValueError", "Precision not allowed in integer format specifier");
    if (spec.type == 'c') {
      std::string character;
      if (number < 0 || number > 0x10ffff) throw Failure("OverflowError", "%c arg not in range(0x110000)");
      tokenization::append_utf8(character, static_cast<char32_t>(number));
      return number_text("", character, spec, budget);
    }
    const uint64_t size = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
    return number_text(sign_of(number < 0, spec), integer_digits(size, spec), spec, budget);
  }
  if (const double* number = value.as<double>()) {
    if (!as_float && spec.type != 0 && spec.type != 'n') unknown_code(spec, value);
    return number_text(sign_of(std::signbit(*number), spec), float_digits(std::abs(*number), spec), spec, budget);
  }
  if (value.text()) return padded_text(*value.text(), spec, value, budget);
  throw Failure("TypeError", "unsupported format string passed to " + type_name(value) + ".__format__");
}

Text format_text(Interpreter& in, const Text& format, const Arguments& arguments) {
  return Formatter(in, arguments).format(format);
}

}  // namespace foretell::jinja
