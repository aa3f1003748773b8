// Filters of lists and dicts.
#include <algorithm>

#include "template/filters.h"
#include "template/strings.h"

namespace foretell::jinja {
namespace {

std::vector<Value> items_of(const Parameters& p, Interpreter& in) { return iterate(p.required(0), in.budget()); }

// "a.b.0" of each: items by item, names before attributes.
class Getter {
 public:
  Getter(Interpreter& in, const Value& path, bool ignore_case = false, Value fallback = Value::undefined(""))
      : in_(in), ignore_case_(ignore_case), fallback_(std::move(fallback)) {
    if (path.is_none() || path.is_undefined()) return;
    if (!path.text()) {
      parts_.push_back(path);
      return;
    }
    for (const Text& part : split(*path.text(), nullptr_separator(), -1, false)) {
      const std::string& s = part.bytes;
      const bool number = !s.empty() && s.size() < 10 && s.find_first_not_of("0123456789") == std::string::npos;
      parts_.push_back(number ? Value(int64_t{std::stol(s)}) : Value(part));
    }
  }

  Value operator()(const Value& item) const {
    Value value = item;
    for (const Value& part : parts_) {
      value = in_.item(value, part);
      if (value.is_undefined() && !fallback_.is_undefined()) value = fallback_;
    }
    return ignore_case_ && value.text() ? Value(lower(*value.text())) : value;
  }

 private:
  static const Text* nullptr_separator() {
    static const Text dot(std::string("."));
    return &dot;
  }

  Interpreter& in_;
  std::vector<Value> parts_;
  bool ignore_case_;
  Value fallback_;
};

template <class Key>
void sort_by(std::vector<Value>& items, bool reverse, Interpreter& in, const Key& key) {
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& item : items) keyed.emplace_back(key(item), std::move(item));
  in.budget().spend(std::ssize(items) * 8);
  // Comparing may throw, which a sort must not meet half-way with broken order: the pairs are copies.
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    in.budget().spend(5);
    const int order = compare(reverse ? b.first : a.first, reverse ? a.first : b.first, "<");
    return order == -1;
  });
  for (size_t i = 0; i < items.size(); i++) items[i] = std::move(keyed[i].second);
}

Value sort(Interpreter& in, Arguments& arguments) {
  const Parameters p("sort", arguments, {"value", "reverse", "case_sensitive", "attribute"});
  std::vector<Value> items = items_of(p, in);
  const bool ignore_case = !p.flag(2, false);
  std::vector<Getter> getters;
  if (p.given(3) && p.at(3).text()) {
    const Text comma(std::string(","));
    for (const Text& part : split(*p.at(3).text(), &comma, -1, false)) getters.emplace_back(in, part, ignore_case);
  } else {
    getters.emplace_back(in, p.at(3), ignore_case);
  }
  sort_by(items, p.flag(1, false), in, [&](const Value& item) {
    std::vector<Value> key;  // also of one: of equal parts Python does not ask which is less
    for (const Getter& getter : getters) key.push_back(getter(item));
    return Value::list(std::move(key), List::Kind::Tuple);
  });
  return Value::list(std::move(items));
}

Value dictsort(Interpreter& in, Arguments& arguments) {
  const Parameters p("dictsort", arguments, {"value", "case_sensitive", "by", "reverse"});
  require_defined(p.required(0));
  const Dict* dict = p.at(0).dict();
  if (!dict) throw Failure("AttributeError", "'" + type_name(p.at(0)) + "' object has no attribute 'items'");
  const std::string by = p.given(2) ? to_text(p.at(2), in.budget()).bytes : "key";
  if (by != "key" && by != "value")
    throw Failure("FilterArgumentError", "You can only sort by either \"key\" or \"value\"");
  std::vector<Value> items;
  for (const auto& [key, value] : dict->items) items.push_back(Value::list({key, value}, List::Kind::Tuple));
  const Getter getter(in, int64_t{by == "key" ? 0 : 1}, !p.flag(1, false));
  sort_by(items, p.flag(3, false), in, getter);
  return Value::list(std::move(items));
}

Value join(Interpreter& in, Arguments& arguments) {
  const Parameters p("join", arguments, {"value", "d", "attribute"});
  const Text separator = p.text(1, "", in.budget());
  const Getter getter(in, p.at(2));
  Text out;
  bool first = true;
  for (const Value& item : items_of(p, in)) {
    if (!std::exchange(first, false)) out.append(separator);
    out.append(to_text(getter(item), in.budget()));
    in.budget().make_text(std::ssize(out.bytes));
  }
  return out;
}

Value first(Interpreter& in, Arguments& arguments) {
  const Parameters p("first", arguments, {"seq"});
  const std::vector<Value> items = items_of(p, in);
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Value last(Interpreter& in, Arguments& arguments) {
  const Parameters p("last", arguments, {"seq"});
  if (p.required(0).sequence() && p.at(0).sequence()->kind == List::Kind::Generator)
    throw Failure("TypeError", "'generator' object is not reversible");
  const std::vector<Value> items = items_of(p, in);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value reverse(Interpreter& in, Arguments& arguments) {
  const Parameters p("reverse", arguments, {"value"});
  const Value& value = p.required(0);
  if (!value.is_undefined() && !value.text() && !value.sequence() && !value.dict())
    throw Failure("FilterArgumentError", "argument must be iterable");
  std::vector<Value> items = iterate(value, in.budget());
  std::reverse(items.begin(), items.end());
  const bool once = value.sequence() && value.sequence()->kind == List::Kind::Generator;  // is read into a list
  if (!value.text()) return Value::list(std::move(items), once ? List::Kind::List : List::Kind::Generator);
  Text out;
  for (const Value& item : items) out.append(*item.text());
  return out;
}

template <bool largest>
Value extreme(Interpreter& in, Arguments& arguments) {
  const Parameters p(largest ? "max" : "min", arguments, {"value", "case_sensitive", "attribute"});
  const std::vector<Value> items = items_of(p, in);
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const Getter getter(in, p.at(2), !p.flag(1, false));
  size_t best = 0;
  for (size_t i = 1; i < items.size(); i++) {
    const int order = compare(getter(items[i]), getter(items[best]), largest ? ">" : "<");
    if (order == (largest ? 1 : -1)) best = i;
  }
  return items[best];
}

Value sum(Interpreter& in, Arguments& arguments) {
  const Parameters p("sum", arguments, {"iterable", "attribute", "start"});
  const Getter getter(in, p.at(1));
  Value total = p.given(2) ? p.at(2) : Value(int64_t{0});
  if (total.text()) throw Failure("TypeError", "sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : items_of(p, in)) total = arithmetic("+", total, getter(item), in.budget());
  return total;
}

Value unique(Interpreter& in, Arguments& arguments) {
  const Parameters p("unique", arguments, {"value", "case_sensitive", "attribute"});
  const Getter getter(in, p.at(2), !p.flag(1, false));
  std::vector<Value> seen, result;
  for (Value& item : items_of(p, in)) {
    Value key = getter(item);
    in.budget().spend(std::ssize(seen) + 1);
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& v) { return equal(v, key); })) continue;
    seen.push_back(std::move(key));
    result.push_back(std::move(item));
  }
  return Value::list(std::move(result), List::Kind::Generator);
}

Value batch(Interpreter& in, Arguments& arguments) {
  const Parameters p("batch", arguments, {"value", "linecount", "fill_with"});
  p.required(1);
  const int64_t size = p.integer(1, 1);
  std::vector<Value> result, row;
  for (Value& item : items_of(p, in)) {
    if (std::ssize(row) == size) result.push_back(Value::list(std::exchange(row, {})));
    row.push_back(std::move(item));
  }
  if (!row.empty()) {
    if (p.given(2) && !p.at(2).is_none() && size > std::ssize(row)) {
      in.budget().make_items(size);
      row.resize(static_cast<size_t>(size), p.at(2));
    }
    result.push_back(Value::list(std::move(row)));
  }
  return Value::list(std::move(result), List::Kind::Generator);
}

Value slice_filter(Interpreter& in, Arguments& arguments) {
  const Parameters p("slice", arguments, {"value", "slices", "fill_with"});
  p.required(1);
  const std::vector<Value> items = items_of(p, in);
  const int64_t slices = p.integer(1, 1), length = std::ssize(items);
  if (slices <= 0) throw Failure("ZeroDivisionError", "integer division or modulo by zero");
  in.budget().make_items(slices);
  const int64_t each = length / slices, more = length % slices;
  std::vector<Value> result;
  int64_t at = 0;
  for (int64_t i = 0; i < slices; i++) {
    const int64_t count = each + (i < more ? 1 : 0);
    std::vector<Value> row(items.begin() + at, items.begin() + at + count);
    if (p.given(2) && !p.at(2).is_none() && i >= more) row.push_back(p.at(2));
    result.push_back(Value::list(std::move(row)));
    at += count;
  }
  return Value::list(std::move(result), List::Kind::Generator);
}

Value groupby(Interpreter& in, Arguments& arguments) {
  const Parameters p("groupby", arguments, {"value", "attribute", "default", "case_sensitive"});
  const bool ignore_case = !p.flag(3, false);
  const Value fallback = p.given(2) ? p.at(2) : Value::undefined("");
  const Getter key(in, p.required(1), ignore_case, fallback), shown(in, p.at(1), false, fallback);
  std::vector<Value> items = items_of(p, in);
  sort_by(items, false, in, key);
  std::vector<Value> groups, group;
  for (size_t i = 0; i < items.size(); i++) {
    group.push_back(items[i]);
    if (i + 1 < items.size() && equal(key(items[i]), key(items[i + 1]))) continue;
    const Value name = shown(group.front());
    groups.push_back(Value::list({name, Value::list(std::exchange(group, {}))}, List::Kind::Tuple));
  }
  return Value::list(std::move(groups));
}

// map(attribute="a"), map("upper")
Value map(Interpreter& in, Arguments& arguments) {
  std::vector<Value> result;
  if (arguments.values.size() == 1) {
    const Parameters p("map", arguments, {"value", "attribute", "default"});
    if (!p.given(1)) throw Failure("FilterArgumentError", "map requires a filter argument");
    const Getter getter(in, p.at(1), false, p.given(2) ? p.at(2) : Value::undefined(""));
    for (const Value& item : items_of(p, in)) result.push_back(getter(item));
  } else {
    const std::string name = to_text(arguments.values[1], in.budget()).bytes;
    for (Value& item : iterate(arguments.values[0], in.budget())) {
      Arguments one;
      one.values = {std::move(item)};
      one.values.insert(one.values.end(), arguments.values.begin() + 2, arguments.values.end());
      one.named = arguments.named;
      result.push_back(in.filter(name, one));
    }
  }
  return Value::list(std::move(result), List::Kind::Generator);
}

// select, reject, selectattr, rejectattr: by a test, or by truth.
template <bool keep, bool by_attribute>
Value select(Interpreter& in, Arguments& arguments) {
  const size_t test_at = by_attribute ? 2 : 1;
  if (by_attribute && arguments.values.size() < 2)
    throw Failure("FilterArgumentError", "Missing parameter for attribute name");
  const Getter getter(in, by_attribute ? arguments.values[1] : Value());
  std::vector<Value> result;
  for (Value& item : iterate(arguments.values[0], in.budget())) {
    in.budget().spend(10);
    const Value value = getter(item);
    bool is = truth(value);
    if (arguments.values.size() > test_at) {
      Arguments one;
      one.values = {value};
      one.values.insert(one.values.end(), arguments.values.begin() + static_cast<std::ptrdiff_t>(test_at) + 1,
                        arguments.values.end());
      is = in.test(to_text(arguments.values[test_at], in.budget()).bytes, one);
    }
    if (is == keep) result.push_back(std::move(item));
  }
  return Value::list(std::move(result), List::Kind::Generator);
}

Value length_filter(Interpreter&, Arguments& arguments) {
  const Parameters p("length", arguments, {"obj"});
  return length(p.required(0));
}

Value list(Interpreter& in, Arguments& arguments) {
  const Parameters p("list", arguments, {"value"});
  return Value::list(items_of(p, in));
}

Value items(Interpreter& in, Arguments& arguments) {
  const Parameters p("items", arguments, {"value"});
  if (p.required(0).is_undefined()) return Value::list({}, List::Kind::Generator);
  const Dict* dict = p.at(0).dict();
  if (!dict) throw Failure("TypeError", "Can only get item pairs from a mapping.");
  std::vector<Value> pairs;
  for (const auto& [key, value] : dict->items) pairs.push_back(Value::list({key, value}, List::Kind::Tuple));
  in.budget().make_items(std::ssize(pairs));
  return Value::list(std::move(pairs), List::Kind::Generator);
}

}  // namespace

void add_sequence_filters(Filters& filters) {
  const Filters mine = {{"sort", sort},
                        {"dictsort", dictsort},
                        {"join", join},
                        {"first", first},
                        {"last", last},
                        {"random", first},
                        {"reverse", reverse},
                        {"max", extreme<true>},
                        {"min", extreme<false>},
                        {"sum", sum},
                        {"unique", unique},
                        {"batch", batch},
                        {"slice", slice_filter},
                        {"groupby", groupby},
                        {"map", map},
                        {"select", select<true, false>},
                        {"reject", select<false, false>},
                        {"selectattr", select<true, true>},
                        {"rejectattr", select<false, true>},
                        {"length", length_filter},
                        {"count", length_filter},
                        {"list", list},
                        {"items", items}};
  filters.insert(mine.begin(), mine.end());
}

}  // namespace foretell::jinja
