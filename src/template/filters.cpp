#include "template/filters.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "template/strings.h"

namespace foretell::jinja {
namespace {

Value default_filter(Interpreter&, Arguments& arguments) {
  const Parameters p("default", arguments, {"value", "default_value", "boolean"});
  const Value& value = p.required(0);
  if (value.is_undefined() || (p.flag(2, false) && !truth(value))) return p.given(1) ? p.at(1) : Value("");
  return value;
}

// int() and float() of a text, with white space around and "_" between digits.
bool parse(const Text& text, double& number) {
  std::string s = strip(text, nullptr, true, true).bytes;
  std::erase(s, '_');
  const char* begin = s.data() + (s.starts_with('+') ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, s.data() + s.size(), number);
  return error == std::errc() && end == s.data() + s.size() && !s.empty();
}

bool parse(const Text& text, int base, int64_t& number) {
  std::string s = strip(text, nullptr, true, true).bytes;
  std::erase(s, '_');
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.erase(0, 1);
  if (s.size() > 2 && s[0] == '0') {
    const char c = static_cast<char>(std::tolower(static_cast<unsigned char>(s[1])));
    if ((c == 'x' && base == 16) || (c == 'o' && base == 8) || (c == 'b' && base == 2)) s.erase(0, 2);
  }
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), number, base);
  if (negative) number = -number;
  return error == std::errc() && end == s.data() + s.size() && !s.empty();
}

Value int_filter(Interpreter&, Arguments& arguments) {
  const Parameters p("int", arguments, {"value", "default", "base"});
  const Value& value = p.required(0);
  const Value fallback = p.given(1) ? p.at(1) : Value(int64_t{0});
  if (value.is_undefined()) fail_undefined(value);
  if (const Text* text = value.text()) {
    int64_t number = 0;
    if (parse(*text, static_cast<int>(std::clamp<int64_t>(p.integer(2, 10), 2, 36)), number)) return number;
    double real = 0;
    if (!parse(*text, real) || !std::isfinite(real) || std::abs(real) >= 9.2e18) return fallback;
    return static_cast<int64_t>(real);
  }
  if (value.is_int() || value.is_bool()) return as_index(value);
  if (const double* d = value.as<double>())
    return std::isfinite(*d) && std::abs(*d) < 9.2e18 ? Value(static_cast<int64_t>(*d)) : fallback;
  return fallback;
}

Value float_filter(Interpreter&, Arguments& arguments) {
  const Parameters p("float", arguments, {"value", "default"});
  const Value& value = p.required(0);
  if (value.is_undefined()) fail_undefined(value);
  double number = 0;
  if (value.text() && parse(*value.text(), number)) return number;
  if (const double* d = value.as<double>()) return *d;
  if (value.is_number()) return static_cast<double>(as_index(value));
  return p.given(1) ? p.at(1) : Value(0.0);
}

Value round_filter(Interpreter&, Arguments& arguments) {
  const Parameters p("round", arguments, {"value", "precision", "method"});
  const std::string how = p.given(2) && p.at(2).text() ? p.at(2).text()->bytes : "common";
  if (how != "common" && how != "ceil" && how != "floor")
    throw Failure("FilterArgumentError", "method must be common, ceil or floor");
  const Value& value = p.required(0);
  require_defined(value);
  if (!value.is_number()) throw Failure("TypeError", "type " + type_name(value) + " doesn't define __round__ method");
  const int64_t precision = std::clamp<int64_t>(p.integer(1, 0), -300, 300);
  if (how == "common" && !value.is_float() && precision >= 0) return as_index(value);
  const double number = value.is_float() ? *value.as<double>() : static_cast<double>(as_index(value));
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (how == "ceil") return std::ceil(number * scale) / scale;
  if (how == "floor") return std::floor(number * scale) / scale;
  if (precision < 0 || precision > 17) return std::nearbyint(number * scale) / scale;
  char buffer[400];  // correctly rounded, half to even, as Python does it
  std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(precision), number);
  return std::strtod(buffer, nullptr);
}

Value abs_filter(Interpreter&, Arguments& arguments) {
  const Parameters p("abs", arguments, {"value"});
  const Value& value = p.required(0);
  require_defined(value);
  if (const double* d = value.as<double>()) return std::abs(*d);
  if (!value.is_number()) throw Failure("TypeError", "bad operand type for abs(): '" + type_name(value) + "'");
  const int64_t number = as_index(value);
  return number < 0 ? negate(value, "-") : Value(number);
}

Value tojson(Interpreter& in, Arguments& arguments) {
  const Parameters p("tojson", arguments, {"x", "ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = p.flag(1, false);
  style.sort_keys = p.flag(4, false);
  if (p.given(2) && p.at(2).text()) {
    style.indent_text = p.at(2).text()->bytes;
    style.indent = 0;
  } else {
    style.indent =
        p.given(2) && !p.at(2).is_none() ? static_cast<int>(std::clamp<int64_t>(p.integer(2, 0), 0, 1000)) : -1;
  }
  if (style.indent >= 0) style.item_separator = ",";
  if (p.given(3) && !p.at(3).is_none()) {
    const std::vector<Value> two = iterate(p.at(3), in.budget());
    if (two.size() != 2) throw Failure("ValueError", "not enough values to unpack (expected 2)");
    style.item_separator = to_text(two[0], in.budget()).bytes;
    style.key_separator = to_text(two[1], in.budget()).bytes;
  }
  return to_json(p.required(0), style, in.budget());
}

Value attr(Interpreter& in, Arguments& arguments) {
  const Parameters p("attr", arguments, {"obj", "name"});
  const std::string name = to_text(p.required(1), in.budget()).bytes;
  const Value& object = p.required(0);
  require_defined(object);
  Value value;
  if (!object.dict() || method(object, name, value)) return in.attribute(object, name);
  return Value::undefined("'" + type_name(object) + " object' has no attribute '" + name + "'");
}

const Filters& table() {
  static const Filters filters = [] {
    Filters all = {{"default", default_filter}, {"d", default_filter}, {"int", int_filter}, {"float", float_filter},
                   {"round", round_filter},     {"abs", abs_filter},   {"tojson", tojson},  {"attr", attr}};
    add_text_filters(all);
    add_sequence_filters(all);
    return all;
  }();
  return filters;
}

}  // namespace

bool Interpreter::has_filter(const std::string& name) { return table().contains(name); }

Value Interpreter::filter(const std::string& name, Arguments& arguments) {
  const auto it = table().find(name);
  if (it == table().end()) throw Failure("TemplateAssertionError", "No filter named '" + name + "'.");
  const Budget::Level guard(budget_);
  budget_.spend(10);
  return it->second(*this, arguments);
}

}  // namespace foretell::jinja
