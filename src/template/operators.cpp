#include "template/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "tokenizer/utf8.h"

namespace foretell::jinja {
namespace {

double as_double(const Value& value) {
  if (const bool* b = value.as<bool>()) return *b ? 1 : 0;
  if (const int64_t* i = value.as<int64_t>()) return static_cast<double>(*i);
  return *value.as<double>();
}

bool is_integer(const Value& value) { return value.is_int() || value.is_bool(); }
int64_t as_integer(const Value& value) { return value.is_bool() ? (*value.as<bool>() ? 1 : 0) : *value.as<int64_t>(); }

[[noreturn]] void unsupported(std::string_view op, const Value& a, const Value& b) {
  throw Failure("TypeError", "unsupported operand type(s) for " + std::string(op) + ": '" + type_name(a) + "' and '" +
                                 type_name(b) + "'");
}

[[noreturn]] void too_large() { throw Failure("OverflowError", "an integer beyond 64 bits"); }

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == -1) {
    if (a == std::numeric_limits<int64_t>::min()) too_large();
    return -a;
  }
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

int64_t integer_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if (exponent % 2 == 1 && __builtin_mul_overflow(result, base, &result)) too_large();
    exponent /= 2;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) too_large();
  }
  return result;
}

double power(double a, double b) {
  if (a == 0 && b < 0) throw Failure("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  return std::pow(a, b);
}

Value integer_arithmetic(std::string_view op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool large = false;
  if (op == "+") {
    large = __builtin_add_overflow(a, b, &result);
  } else if (op == "-") {
    large = __builtin_sub_overflow(a, b, &result);
  } else if (op == "*") {
    large = __builtin_mul_overflow(a, b, &result);
  } else if (op == "**") {
    if (b < 0) return power(static_cast<double>(a), static_cast<double>(b));
    return integer_power(a, b);
  } else if (b == 0) {
    throw Failure("ZeroDivisionError", op == "/"    ? "division by zero"
                                       : op == "//" ? "integer division or modulo by zero"
                                                    : "integer modulo by zero");
  } else if (op == "/") {
    return static_cast<double>(a) / static_cast<double>(b);
  } else if (op == "//") {
    return floor_divide(a, b);
  } else {
    return b == -1 ? int64_t{0} : a - floor_divide(a, b) * b;
  }
  if (large) too_large();
  return result;
}

Value float_arithmetic(std::string_view op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "**") return power(a, b);
  if (b == 0) {
    throw Failure("ZeroDivisionError", op == "/"    ? "float division by zero"
                                       : op == "//" ? "float floor division by zero"
                                                    : "float modulo");
  }
  if (op == "/") return a / b;
  if (op == "//") return std::floor(a / b);
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Text repeat(const Text& text, int64_t times, Budget& budget) {
  Text result;
  if (times <= 0 || text.bytes.empty()) return result;
  times = std::min(times, Budget::most_output + 1);
  budget.make_text(static_cast<int64_t>(text.bytes.size()) * times);
  for (int64_t i = 0; i < times; i++) {
    result.bytes += text.bytes;
    result.marks += text.marks;
  }
  return result;
}

Value repeat(const List& list, int64_t times, Budget& budget) {
  std::vector<Value> items;
  if (times > 0 && !list.items.empty()) {
    budget.make_items(std::min<int64_t>(times, Budget::most_steps) * std::ssize(list.items));
    for (int64_t i = 0; i < times; i++) items.insert(items.end(), list.items.begin(), list.items.end());
  }
  return Value::list(std::move(items), list.kind);
}

bool can_concatenate(const List* a, const List* b) {
  return a && b && a->kind == b->kind && (a->kind == List::Kind::List || a->kind == List::Kind::Tuple);
}

Value add(const Value& a, const Value& b, Budget& budget) {
  if (a.text() && b.text()) {
    budget.make_text(std::ssize(a.text()->bytes) + std::ssize(b.text()->bytes));
    Text sum = *a.text();
    sum.append(*b.text());
    return sum;
  }
  if (a.text()) throw Failure("TypeError", "can only concatenate str (not \"" + type_name(b) + "\") to str");
  const List *left = a.sequence(), *right = b.sequence();
  if (can_concatenate(left, right)) {
    budget.make_items(std::ssize(left->items) + std::ssize(right->items));
    std::vector<Value> items = left->items;
    items.insert(items.end(), right->items.begin(), right->items.end());
    return Value::list(std::move(items), left->kind);
  }
  if (left && (left->kind == List::Kind::List || left->kind == List::Kind::Tuple))
    throw Failure("TypeError",
                  "can only concatenate " + type_name(a) + " (not \"" + type_name(b) + "\") to " + type_name(a));
  unsupported("+", a, b);
}

Value multiply(const Value& a, const Value& b, Budget& budget) {
  const Value& sequence = is_integer(a) ? b : a;
  const Value& times = is_integer(a) ? a : b;
  const List* list = sequence.sequence();
  const bool can = sequence.text() || (list && (list->kind == List::Kind::List || list->kind == List::Kind::Tuple));
  if (can && is_integer(times))
    return sequence.text() ? Value(repeat(*sequence.text(), as_integer(times), budget))
                           : repeat(*list, as_integer(times), budget);
  if (can) throw Failure("TypeError", "can't multiply sequence by non-int of type '" + type_name(times) + "'");
  unsupported("*", a, b);
}

int three_way(double a, double b) { return a < b ? -1 : a > b ? 1 : 0; }

// Values may share parts in such a way that walking all of them never ends.
void spend_on_comparing(size_t items) {
  if (Budget::current) Budget::current->spend(static_cast<int64_t>(items) + 1);
}

bool equal_dicts(const Dict& a, const Dict& b) {
  spend_on_comparing(a.items.size() * b.items.size());
  if (a.items.size() != b.items.size()) return false;
  return std::all_of(a.items.begin(), a.items.end(), [&](const auto& item) {
    const Value* other = b.find(item.first);
    return other && equal(item.second, *other);
  });
}

// Python's slice.indices: where to begin and end in a sequence of `size`, which may be walked backwards.
struct Walk {
  int64_t start, stop, step;
  int64_t count() const {
    if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
    return start > stop ? (start - stop - 1) / -step + 1 : 0;
  }
};

Walk walk_of(int64_t size, const Value& start, const Value& stop, const Value& step) {
  const auto part = [](const Value& value, int64_t fallback) {
    if (value.is_none()) return fallback;
    if (!is_integer(value))
      throw Failure("TypeError", "slice indices must be integers or None or have an __index__ method");
    return as_integer(value);
  };
  Walk walk{.start = 0, .stop = 0, .step = part(step, 1)};
  if (walk.step == 0) throw Failure("ValueError", "slice step cannot be zero");
  walk.step = std::max(walk.step, -std::numeric_limits<int64_t>::max());
  const int64_t lowest = walk.step > 0 ? 0 : -1, highest = walk.step > 0 ? size : size - 1;
  const auto place = [&](const Value& value, int64_t fallback) {
    int64_t at = part(value, fallback);
    if (value.is_none()) return fallback;
    if (at < 0) at = at < -size ? lowest : at + size;
    return std::clamp(at, lowest, highest);
  };
  walk.start = place(start, walk.step > 0 ? lowest : highest);
  walk.stop = place(stop, walk.step > 0 ? highest : lowest);
  return walk;
}

}  // namespace

void fail_undefined(const Value& value) {
  const Undefined::Use& use = *value.as<Undefined>()->use;
  throw Failure(use.error, use.message);
}
void require_defined(const Value& value) {
  if (value.is_undefined()) fail_undefined(value);
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (is_integer(a) && is_integer(b)) return as_integer(a) == as_integer(b);
    return as_double(a) == as_double(b);
  }
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.text() && b.text()) return a.text()->bytes == b.text()->bytes;
  const List *left = a.sequence(), *right = b.sequence();
  if (left && right) {
    if (left->kind != right->kind) return false;
    spend_on_comparing(left->items.size());
    return left == right ||
           std::equal(left->items.begin(), left->items.end(), right->items.begin(), right->items.end(), equal);
  }
  if (a.dict() && b.dict()) return equal_dicts(*a.dict(), *b.dict());
  return a.identity() != nullptr && a.identity() == b.identity();
}

int compare(const Value& a, const Value& b, std::string_view op) {
  require_defined(a);
  require_defined(b);
  if (a.is_number() && b.is_number()) {
    if (is_integer(a) && is_integer(b)) {
      const int64_t x = as_integer(a), y = as_integer(b);
      return x < y ? -1 : x > y ? 1 : 0;
    }
    const double x = as_double(a), y = as_double(b);
    if (std::isnan(x) || std::isnan(y)) return 2;  // neither smaller, nor larger, nor equal
    return three_way(x, y);
  }
  if (a.text() && b.text()) {  // UTF-8 has the order of code points
    const int order = a.text()->bytes.compare(b.text()->bytes);
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  const List *left = a.sequence(), *right = b.sequence();
  if (can_concatenate(left, right)) {
    spend_on_comparing(left->items.size());
    for (size_t i = 0; i < std::min(left->items.size(), right->items.size()); i++)
      if (!equal(left->items[i], right->items[i])) return compare(left->items[i], right->items[i], op);
    return left->items.size() < right->items.size() ? -1 : left->items.size() > right->items.size() ? 1 : 0;
  }
  throw Failure("TypeError", "'" + std::string(op) + "' not supported between instances of '" + type_name(a) +
                                 "' and '" + type_name(b) + "'");
}

bool contains(const Value& container, const Value& item) {
  if (container.is_undefined()) return false;
  if (const Text* text = container.text()) {
    if (!item.text())
      throw Failure("TypeError", "'in <string>' requires string as left operand, not " + type_name(item));
    return text->bytes.find(item.text()->bytes) != std::string::npos;
  }
  if (const Dict* dict = container.dict()) {
    if (item.dict() || (item.sequence() && item.sequence()->kind == List::Kind::List))
      throw Failure("TypeError", "unhashable type: '" + type_name(item) + "'");
    return dict->find(item) != nullptr;
  }
  if (const List* list = container.sequence())
    return std::any_of(list->items.begin(), list->items.end(), [&](const Value& v) { return equal(v, item); });
  throw Failure("TypeError", "argument of type '" + type_name(container) + "' is not iterable");
}

static std::string format_percent(const Value& format, const Value& values, Budget& budget);

Value arithmetic(std::string_view op, const Value& a, const Value& b, Budget& budget) {
  require_defined(a);
  require_defined(b);
  if (is_integer(a) && is_integer(b)) return integer_arithmetic(op, as_integer(a), as_integer(b));
  if (a.is_number() && b.is_number()) return float_arithmetic(op, as_double(a), as_double(b));
  if (op == "+") return add(a, b, budget);
  if (op == "*") return multiply(a, b, budget);
  if (op == "%" && a.text()) {
    const bool marked = a.text()->marked() || to_text(b, budget).marked();
    return Text(format_percent(a, b, budget), marked);
  }
  unsupported(op == "**" ? "** or pow()" : op, a, b);
}

// printf's way: %s %r %d %i %f %x %% and so on, with flags and widths.
std::string format_percent(const Value& format, const Value& values, Budget& budget) {
  const std::string& f = format.text()->bytes;
  std::vector<Value> all = {values};
  if (const List* list = values.sequence(); list && list->kind == List::Kind::Tuple) all = list->items;
  std::string out;
  size_t next = 0;
  for (size_t i = 0; i < f.size(); i++) {
    if (f[i] != '%') {
      out += f[i];
      continue;
    }
    std::string spec = "%";
    Value value;
    bool by_name = false;
    if (i + 1 < f.size() && f[i + 1] == '(') {
      const size_t end = f.find(')', i);
      if (end == std::string::npos) throw Failure("ValueError", "incomplete format key");
      if (!values.dict()) throw Failure("TypeError", "format requires a mapping");
      const std::string key = f.substr(i + 2, end - i - 2);
      const Value* found = values.dict()->find(Value(key));
      if (!found) throw Failure("KeyError", "'" + key + "'");
      value = *found;
      by_name = true;
      i = end;
    }
    size_t at = i + 1;
    while (at < f.size() && std::string_view("-+ #0123456789.").find(f[at]) != std::string_view::npos) spec += f[at++];
    if (at >= f.size()) throw Failure("ValueError", "incomplete format");
    const char kind = f[at];
    i = at;
    if (kind == '%') {
      out += '%';
      continue;
    }
    if (spec.size() > 12) throw Failure("ValueError", "a width in a format is too large");
    if (!by_name) {
      if (next >= all.size()) throw Failure("TypeError", "not enough arguments for format string");
      value = all[next++];
    }
    char buffer[512];
    if (kind == 's' || kind == 'r' || kind == 'a') {
      const std::string text = (kind == 's' ? to_text(value, budget) : to_repr(value, budget)).bytes;
      const int64_t width = std::atoll(spec.c_str() + (spec.size() > 1 && spec[1] == '-' ? 2 : 1));
      const int64_t padding = std::max<int64_t>(0, std::min<int64_t>(width, 100000) - count_points(text));
      const bool left = spec.size() > 1 && spec[1] == '-';
      if (!left) out.append(static_cast<size_t>(padding), ' ');
      out += text;
      if (left) out.append(static_cast<size_t>(padding), ' ');
    } else if (std::string_view("dixXo").find(kind) != std::string_view::npos) {
      if (!value.is_number())
        throw Failure("TypeError",
                      std::string("%") + kind + " format: a real number is required, not " + type_name(value));
      spec += "ll";
      spec += kind == 'i' ? 'd' : kind;
      std::snprintf(
          buffer, sizeof buffer, spec.c_str(),
          value.is_float() ? static_cast<long long>(*value.as<double>()) : static_cast<long long>(as_integer(value)));
      out += buffer;
    } else if (std::string_view("fFeEgG").find(kind) != std::string_view::npos) {
      if (!value.is_number()) throw Failure("TypeError", "must be real number, not " + type_name(value));
      spec += kind;
      std::snprintf(buffer, sizeof buffer, spec.c_str(), as_double(value));
      out += buffer;
    } else {
      throw Failure("ValueError", std::string("unsupported format character '") + kind + "'");
    }
    budget.make_text(std::ssize(out));
  }
  const bool mapping = values.dict() || (values.sequence() && values.sequence()->kind == List::Kind::List);
  if (next < all.size() && !mapping) throw Failure("TypeError", "not all arguments converted during string formatting");
  return out;
}

Value negate(const Value& value, std::string_view op) {
  require_defined(value);
  if (value.is_float()) return op == "-" ? -*value.as<double>() : *value.as<double>();
  if (is_integer(value)) {
    const int64_t number = as_integer(value);
    if (op == "-" && number == std::numeric_limits<int64_t>::min()) too_large();
    return op == "-" ? -number : number;
  }
  throw Failure("TypeError", "bad operand type for unary " + std::string(op) + ": '" + type_name(value) + "'");
}

int64_t as_index(const Value& value) {
  if (is_integer(value)) return as_integer(value);
  throw Failure("TypeError", "'" + type_name(value) + "' object cannot be interpreted as an integer");
}

int64_t count_points(std::string_view text) { return static_cast<int64_t>(tokenization::count_characters(text)); }

std::vector<size_t> point_offsets(std::string_view text) {
  std::vector<size_t> offsets;
  for (size_t i = 0; i < text.size(); i++)
    if (!tokenization::is_continuation(text[i])) offsets.push_back(i);
  offsets.push_back(text.size());
  return offsets;
}

Value subscript(const Value& container, const Value& key) {
  require_defined(container);
  if (const Dict* dict = container.dict()) {
    if (const Value* value = dict->find(key)) return *value;
  } else if (is_integer(key) && (container.sequence() || container.text())) {
    const int64_t at = as_integer(key);
    if (const List* list = container.sequence();
        list &&
        (list->kind == List::Kind::List || list->kind == List::Kind::Tuple || list->kind == List::Kind::Range)) {
      const int64_t size = std::ssize(list->items);
      if (at >= -size && at < size) return list->items[static_cast<size_t>(at < 0 ? at + size : at)];
    } else if (const Text* text = container.text()) {
      const std::vector<size_t> offsets = point_offsets(text->bytes);
      const int64_t size = std::ssize(offsets) - 1;
      if (at >= -size && at < size) {
        const auto i = static_cast<size_t>(at < 0 ? at + size : at);
        return text->sub(offsets[i], offsets[i + 1]);
      }
    }
  }
  return Value();
}

Value slice(const Value& container, const Value& start, const Value& stop, const Value& step, Budget& budget) {
  require_defined(container);
  if (const Text* text = container.text()) {
    const std::vector<size_t> offsets = point_offsets(text->bytes);
    budget.spend(std::ssize(offsets));
    const Walk walk = walk_of(std::ssize(offsets) - 1, start, stop, step);
    if (walk.step == 1 && walk.count() > 0)
      return text->sub(offsets[static_cast<size_t>(walk.start)], offsets[static_cast<size_t>(walk.stop)]);
    Text result;
    for (int64_t i = 0, at = walk.start; i < walk.count(); i++, at += walk.step)
      result.append(text->sub(offsets[static_cast<size_t>(at)], offsets[static_cast<size_t>(at) + 1]));
    return result;
  }
  const List* list = container.sequence();
  if (!list || (list->kind != List::Kind::List && list->kind != List::Kind::Tuple && list->kind != List::Kind::Range)) {
    if (container.dict()) throw Failure("TypeError", "unhashable type: 'slice'");
    throw Failure("TypeError", "'" + type_name(container) + "' object is not subscriptable");
  }
  const Walk walk = walk_of(std::ssize(list->items), start, stop, step);
  budget.make_items(walk.count());
  std::vector<Value> items;
  for (int64_t i = 0, at = walk.start; i < walk.count(); i++, at += walk.step)
    items.push_back(list->items[static_cast<size_t>(at)]);
  return Value::list(std::move(items), list->kind);
}

std::vector<Value> iterate(const Value& value, Budget& budget) {
  if (value.is_undefined()) return {};
  if (List* list = value.sequence()) {
    budget.spend(2 * std::ssize(list->items));
    if (list->kind != List::Kind::Generator) return list->items;
    if (std::exchange(list->used, true)) return {};
    return list->items;
  }
  std::vector<Value> items;
  if (const Dict* dict = value.dict()) {
    for (const auto& [key, unused] : dict->items) items.push_back(key);
    budget.make_items(std::ssize(items));
    return items;
  }
  if (const Text* text = value.text()) {
    const std::vector<size_t> offsets = point_offsets(text->bytes);
    budget.make_items(std::ssize(offsets));
    for (size_t i = 0; i + 1 < offsets.size(); i++) items.emplace_back(text->sub(offsets[i], offsets[i + 1]));
    return items;
  }
  throw Failure("TypeError", "'" + type_name(value) + "' object is not iterable");
}

int64_t length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.text()) return count_points(value.text()->bytes);
  if (const List* list = value.sequence(); list && list->kind != List::Kind::Generator) return std::ssize(list->items);
  if (value.dict()) return std::ssize(value.dict()->items);
  throw Failure("TypeError", "object of type '" + type_name(value) + "' has no len()");
}

}  // namespace foretell::jinja
