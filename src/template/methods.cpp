// The methods of strings, lists, dicts and numbers.
#include <algorithm>
#include <cmath>
#include <map>

#include "template/interpreter.h"
#include "template/strings.h"

namespace foretell::jinja {
namespace {

struct Self {
  Interpreter& in;
  const Value& value;
  Arguments& arguments;
  const std::string& name;

  const Text& text() const { return *value.text(); }
  Budget& budget() const { return in.budget(); }
  Parameters parameters(std::vector<std::string> names) const { return {name, arguments, std::move(names)}; }
};
using Method = Value (*)(const Self&);

const Text& text_of(const Value& value) {
  if (value.text()) return *value.text();
  throw Failure("TypeError", "must be str, not " + type_name(value));
}

std::vector<Value> values_of(std::vector<Text> texts) {
  std::vector<Value> values;
  for (Text& text : texts) values.emplace_back(std::move(text));
  return values;
}

// The part of a text that `start` and `end` (in code points) name, as byte offsets.
std::pair<size_t, size_t> part_of(const Text& text, const Value& start, const Value& end, Budget& budget) {
  if (start.is_none() && end.is_none()) return {0, text.bytes.size()};
  const std::vector<size_t> offsets = point_offsets(text.bytes);
  const auto size = std::ssize(offsets) - 1;
  const auto place = [&](const Value& value, int64_t fallback) {
    if (value.is_none()) return fallback;
    const int64_t at = as_index(value);
    return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
  };
  budget.spend(size);
  const int64_t first = place(start, 0), last = place(end, size);
  return {offsets[static_cast<size_t>(first)], offsets[static_cast<size_t>(std::max(first, last))]};
}

Value none_if_missing(const Parameters& p, size_t index) { return p.given(index) ? p.at(index) : Value(); }

template <bool left, bool right>
Value stripped(const Self& self) {
  const Parameters p = self.parameters({"chars"});
  const Value chars = none_if_missing(p, 0);
  if (!chars.is_none() && !chars.text()) throw Failure("TypeError", self.name + " arg must be None or str");
  return strip(self.text(), chars.text(), left, right);
}

template <bool right>
Value parted(const Self& self) {
  const Parameters p = self.parameters({"sep", "maxsplit"});
  const Value separator = none_if_missing(p, 0);
  if (!separator.is_none()) text_of(separator);
  std::vector<Text> parts = split(self.text(), separator.text(), p.integer(1, -1), right);
  self.budget().make_items(std::ssize(parts));
  return Value::list(values_of(std::move(parts)));
}

template <bool at_start>
Value fixed_at(const Self& self) {
  const Parameters p = self.parameters({"affix", "start", "end"});
  const auto [begin, end] = part_of(self.text(), none_if_missing(p, 1), none_if_missing(p, 2), self.budget());
  const std::string_view part = std::string_view(self.text().bytes).substr(begin, end - begin);
  std::vector<Value> affixes = {p.required(0)};
  if (const List* list = p.at(0).sequence(); list && list->kind == List::Kind::Tuple) affixes = list->items;
  for (const Value& affix : affixes) {
    if (!affix.text())
      throw Failure("TypeError", self.name + " first arg must be str or a tuple of str, not " + type_name(affix));
    const std::string& text = affix.text()->bytes;
    if (at_start ? part.starts_with(text) : part.ends_with(text)) return true;
  }
  return false;
}

template <bool right, bool must>
Value found(const Self& self) {
  const Parameters p = self.parameters({"sub", "start", "end"});
  const auto [begin, end] = part_of(self.text(), none_if_missing(p, 1), none_if_missing(p, 2), self.budget());
  const std::string_view part = std::string_view(self.text().bytes).substr(begin, end - begin);
  const std::string& what = text_of(p.required(0)).bytes;
  const size_t at = right ? part.rfind(what) : part.find(what);
  if (at == std::string_view::npos) {
    if (must) throw Failure("ValueError", "substring not found");
    return int64_t{-1};
  }
  return count_points(std::string_view(self.text().bytes).substr(0, begin + at));
}

Value count_text(const Self& self) {
  const Parameters p = self.parameters({"sub", "start", "end"});
  const auto [begin, end] = part_of(self.text(), none_if_missing(p, 1), none_if_missing(p, 2), self.budget());
  const std::string_view part = std::string_view(self.text().bytes).substr(begin, end - begin);
  const std::string& what = text_of(p.required(0)).bytes;
  if (what.empty()) return count_points(part) + 1;
  int64_t count = 0;
  for (size_t at = part.find(what); at != std::string_view::npos; at = part.find(what, at + what.size())) count++;
  return count;
}

Value replaced(const Self& self) {
  const Parameters p = self.parameters({"old", "new", "count"});
  return replace(self.text(), text_of(p.required(0)), text_of(p.required(1)), p.integer(2, -1), self.budget());
}

Value joined(const Self& self) {
  const Parameters p = self.parameters({"iterable"});
  Text out;
  size_t index = 0;
  for (const Value& item : iterate(p.required(0), self.budget())) {
    if (!item.text())
      throw Failure("TypeError", "sequence item " + std::to_string(index) + ": expected str instance, " +
                                     type_name(item) + " found");
    if (index++ > 0) out.append(self.text());
    out.append(*item.text());
    self.budget().make_text(std::ssize(out.bytes));
  }
  return out;
}

template <Text (*change)(const Text&)>
Value changed(const Self& self) {
  self.parameters({});
  self.budget().spend(std::ssize(self.text().bytes));
  return change(self.text());
}

Value asked(const Self& self) {
  self.parameters({});
  return is_all(self.text(), self.name);
}

template <bool right>
Value partitioned(const Self& self) {
  const Parameters p = self.parameters({"sep"});
  const std::string& separator = text_of(p.required(0)).bytes;
  if (separator.empty()) throw Failure("ValueError", "empty separator");
  const Text& text = self.text();
  const size_t at = right ? text.bytes.rfind(separator) : text.bytes.find(separator);
  std::vector<Value> parts;
  if (at == std::string::npos) {
    parts = {text, Text(), Text()};
    if (right) std::swap(parts[0], parts[2]);
  } else {
    parts = {text.sub(0, at), *p.at(0).text(), text.sub(at + separator.size(), text.bytes.size())};
  }
  return Value::list(std::move(parts), List::Kind::Tuple);
}

template <bool at_start>
Value removed(const Self& self) {
  const Parameters p = self.parameters({"affix"});
  const Text& text = self.text();
  const std::string& affix = text_of(p.required(0)).bytes;
  if (affix.empty() || !(at_start ? text.bytes.starts_with(affix) : text.bytes.ends_with(affix))) return text;
  return at_start ? text.sub(affix.size(), text.bytes.size()) : text.sub(0, text.bytes.size() - affix.size());
}

enum class Side { Left, Right, Both };
template <Side side>
Value padded(const Self& self) {
  const Parameters p = self.parameters({"width", "fillchar"});
  p.required(0);
  const std::string fill = p.given(1) ? text_of(p.at(1)).bytes : " ";
  if (count_points(fill) != 1) throw Failure("TypeError", "The fill character must be exactly one character long");
  const int64_t width = p.integer(0, 0);
  const int64_t missing = std::max<int64_t>(0, width - count_points(self.text().bytes));
  const int64_t left = side == Side::Left ? 0 : side == Side::Right ? missing : missing / 2 + (missing & width & 1);
  return pad(self.text(), left, missing - left, fill, self.budget());
}

Value zero_filled(const Self& self) {
  const Parameters p = self.parameters({"width"});
  p.required(0);
  const Text& text = self.text();
  const bool sign = text.bytes.starts_with('-') || text.bytes.starts_with('+');
  const int64_t missing = p.integer(0, 0) - count_points(text.bytes);
  Text out = text.sub(0, sign ? 1 : 0);
  out.append(pad(text.sub(sign ? 1 : 0, text.bytes.size()), missing, 0, "0", self.budget()));
  return out;
}

Value expanded_tabs(const Self& self) {
  const Parameters p = self.parameters({"tabsize"});
  const int64_t size = std::clamp<int64_t>(p.integer(0, 8), 0, 1000);
  Text out;
  int64_t column = 0;
  const std::vector<size_t> offsets = point_offsets(self.text().bytes);
  for (size_t i = 0; i + 1 < offsets.size(); i++) {
    const Text c = self.text().sub(offsets[i], offsets[i + 1]);
    if (c.bytes == "\t") {
      const int64_t blanks = size > 0 ? size - column % size : 0;
      out.append(Text(std::string(static_cast<size_t>(blanks), ' ')));
      column += blanks;
    } else {
      out.append(c);
      column = c.bytes == "\n" || c.bytes == "\r" ? 0 : column + 1;
    }
    self.budget().make_text(std::ssize(out.bytes));
  }
  return out;
}

const std::map<std::string, Method, std::less<>>& text_methods() {
  static const std::map<std::string, Method, std::less<>> methods = {
      {"strip", stripped<true, true>},
      {"lstrip", stripped<true, false>},
      {"rstrip", stripped<false, true>},
      {"split", parted<false>},
      {"rsplit", parted<true>},
      {"splitlines",
       [](const Self& self) {
         const Parameters p = self.parameters({"keepends"});
         return Value::list(values_of(split_lines(self.text(), p.flag(0, false))));
       }},
      {"startswith", fixed_at<true>},
      {"endswith", fixed_at<false>},
      {"find", found<false, false>},
      {"rfind", found<true, false>},
      {"index", found<false, true>},
      {"rindex", found<true, true>},
      {"count", count_text},
      {"replace", replaced},
      {"join", joined},
      {"upper", changed<upper>},
      {"lower", changed<lower>},
      {"casefold", changed<lower>},
      {"capitalize", changed<capitalize>},
      {"title", changed<title>},
      {"swapcase", changed<swap_case>},
      {"partition", partitioned<false>},
      {"rpartition", partitioned<true>},
      {"removeprefix", removed<true>},
      {"removesuffix", removed<false>},
      {"ljust", padded<Side::Left>},
      {"rjust", padded<Side::Right>},
      {"center", padded<Side::Both>},
      {"zfill", zero_filled},
      {"expandtabs", expanded_tabs},
      {"format", [](const Self& self) { return Value(format_text(self.in, self.text(), self.arguments)); }},
      {"format_map",
       [](const Self& self) {
         const Parameters p = self.parameters({"mapping"});
         Arguments named;
         if (const Dict* dict = p.required(0).dict())
           for (const auto& [key, value] : dict->items)
             if (key.text()) named.named.emplace_back(key.text()->bytes, value);
         return Value(format_text(self.in, self.text(), named));
       }},
      {"isalnum", asked},
      {"isalpha", asked},
      {"isascii", asked},
      {"isdecimal", asked},
      {"isdigit", asked},
      {"isidentifier", asked},
      {"islower", asked},
      {"isnumeric", asked},
      {"isprintable", asked},
      {"isspace", asked},
      {"istitle", asked},
      {"isupper", asked}};
  return methods;
}

const std::map<std::string, Method, std::less<>>& list_methods() {
  static const std::map<std::string, Method, std::less<>> methods = {
      {"count",
       [](const Self& self) {
         const Parameters p = self.parameters({"value"});
         const std::vector<Value>& items = self.value.sequence()->items;
         return Value(static_cast<int64_t>(
             std::count_if(items.begin(), items.end(), [&](const Value& v) { return equal(v, p.required(0)); })));
       }},
      {"index",
       [](const Self& self) -> Value {
         const Parameters p = self.parameters({"value"});
         const std::vector<Value>& items = self.value.sequence()->items;
         for (size_t i = 0; i < items.size(); i++)
           if (equal(items[i], p.required(0))) return static_cast<int64_t>(i);
         throw Failure("ValueError", to_repr(p.at(0), self.budget()).bytes + " is not in list");
       }},
      {"copy", [](const Self& self) { return Value::list(self.value.sequence()->items); }}};
  return methods;
}

template <List::Kind kind>
Value dict_view(const Self& self) {
  self.parameters({});
  std::vector<Value> items;
  for (const auto& [key, value] : self.value.dict()->items) {
    if (kind == List::Kind::DictKeys) items.push_back(key);
    if (kind == List::Kind::DictValues) items.push_back(value);
    if (kind == List::Kind::DictItems) items.push_back(Value::list({key, value}, List::Kind::Tuple));
  }
  self.budget().make_items(std::ssize(items));
  return Value::list(std::move(items), kind);
}

const std::map<std::string, Method, std::less<>>& dict_methods() {
  static const std::map<std::string, Method, std::less<>> methods = {
      {"items", dict_view<List::Kind::DictItems>},
      {"keys", dict_view<List::Kind::DictKeys>},
      {"values", dict_view<List::Kind::DictValues>},
      {"get",
       [](const Self& self) {
         const Parameters p = self.parameters({"key", "default"});
         const Value* found = self.value.dict()->find(p.required(0));
         return found ? *found : none_if_missing(p, 1);
       }},
      {"copy", [](const Self& self) { return Value(*self.value.dict()); }}};
  return methods;
}

const std::map<std::string, Method, std::less<>>& float_methods() {
  static const std::map<std::string, Method, std::less<>> methods = {{"is_integer", [](const Self& self) {
                                                                        const double* d = self.value.as<double>();
                                                                        return Value(!d || std::floor(*d) == *d);
                                                                      }}};
  return methods;
}

// What would change a list, a dict or a set (jinja2's sandbox.modifies_known_mutable).
bool modifies(const Value& object, const std::string& name) {
  static constexpr std::string_view lists[] = {"append", "clear", "pop",    "reverse",
                                               "insert", "sort",  "extend", "remove"};
  static constexpr std::string_view dicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (object.dict()) return std::find(std::begin(dicts), std::end(dicts), name) != std::end(dicts);
  const List* list = object.sequence();
  return list && list->kind == List::Kind::List &&
         std::find(std::begin(lists), std::end(lists), name) != std::end(lists);
}

}  // namespace

bool method(const Value& object, const std::string& name, Value& value) {
  static const std::map<std::string, Method, std::less<>> none;
  const List* list = object.sequence();
  const auto& methods = object.text()                             ? text_methods()
                        : object.dict()                           ? dict_methods()
                        : list && list->kind == List::Kind::List  ? list_methods()
                        : list && list->kind == List::Kind::Tuple ? list_methods()
                        : object.is_number()                      ? float_methods()
                                                                  : none;
  if (modifies(object, name)) {
    value = unsafe(object, name);
    return true;
  }
  const auto it = methods.find(name);
  if (it == methods.end()) return false;
  auto function = std::make_shared<Function>();
  function->name = name;
  function->kind = "builtin_function_or_method";
  function->depth = object.depth() + 1;
  function->call = [object, call = it->second, name](Interpreter& in, Arguments& arguments) {
    return call(Self{in, object, arguments, name});
  };
  value = Value(std::move(function));
  return true;
}

}  // namespace foretell::jinja
