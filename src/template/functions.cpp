// What templates can call by name.
#include <ctime>
#include <map>

#include "template/interpreter.h"

namespace foretell::jinja {
namespace {

Value function(std::string name, Value (*call)(Interpreter&, Arguments&)) {
  auto f = std::make_shared<Function>();
  f->name = std::move(name);
  f->call = call;
  return f;
}

Value range(Interpreter& in, Arguments& arguments) {
  const std::vector<Value>& values = arguments.values;
  if (values.empty() || values.size() > 3)
    throw Failure("TypeError", values.empty()
                                   ? "range expected at least 1 argument, got 0"
                                   : "range expected at most 3 arguments, got " + std::to_string(values.size()));
  const int64_t start = values.size() > 1 ? as_index(values[0]) : 0;
  const int64_t stop = as_index(values[values.size() > 1 ? 1 : 0]);
  const int64_t step = values.size() > 2 ? as_index(values[2]) : 1;
  if (step == 0) throw Failure("ValueError", "range() arg 3 must not be zero");
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (std::ssize(items) >= Budget::most_range)
      throw Failure("OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  in.budget().make_items(std::ssize(items));
  return Value::list(std::move(items), List::Kind::Range);
}

// dict(a=1), dict([(k, v)]), dict(other)
Dict dict_of(Interpreter& in, Arguments& arguments) {
  Dict dict;
  if (arguments.values.size() > 1)
    throw Failure("TypeError", "dict expected at most 1 argument, got " + std::to_string(arguments.values.size()));
  if (!arguments.values.empty()) {
    if (const Dict* other = arguments.values[0].dict()) {
      dict = *other;
    } else {
      for (const Value& pair : iterate(arguments.values[0], in.budget())) {
        const std::vector<Value> two = iterate(pair, in.budget());
        if (two.size() != 2) throw Failure("ValueError", "dictionary update sequence element has not length 2");
        dict.set(two[0], two[1]);
        in.budget().spend(std::ssize(dict.items));
      }
    }
  }
  for (const auto& [key, value] : arguments.named) dict.set(Value(key), value);
  return dict;
}

Value make_namespace(Interpreter& in, Arguments& arguments) {
  auto space = std::make_shared<Namespace>();
  in.watch(space);
  in.budget().spend(10);
  for (const auto& [key, value] : dict_of(in, arguments).items)
    space->set(key.text() ? key.text()->bytes : to_text(key, in.budget()).bytes, value);
  return space;
}

// cycler("a", "b"): next(), current, reset()
class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string type() const override { return "Cycler"; }
  bool attribute(std::string_view name, Value& value) override {
    if (name == "current") return value = items_[*at_ % items_.size()], true;
    if (name != "next" && name != "reset") return false;
    auto f = std::make_shared<Function>();
    f->call = [items = items_, at = at_, reset = name == "reset"](Interpreter&, Arguments&) {
      if (reset) *at = 0;
      return reset ? Value() : items[(*at)++ % items.size()];
    };
    return value = Value(std::move(f)), true;
  }

 private:
  std::vector<Value> items_;
  std::shared_ptr<size_t> at_ = std::make_shared<size_t>(0);
};

Value cycler(Interpreter&, Arguments& arguments) {
  if (arguments.values.empty()) throw Failure("RuntimeError", "at least one item has to be provided");
  return std::static_pointer_cast<Object>(std::make_shared<Cycler>(arguments.values));
}

// joiner(", "): nothing when it is called first, then the separator.
class Joiner : public Object {
 public:
  explicit Joiner(Value separator) {
    function_ = std::make_shared<Function>();
    function_->call = [separator = std::move(separator), used = std::make_shared<bool>(false)](
                          Interpreter&, Arguments&) { return std::exchange(*used, true) ? separator : Value(""); };
  }
  std::string type() const override { return "Joiner"; }
  bool attribute(std::string_view, Value&) override { return false; }
  std::shared_ptr<Function> callable() override { return function_; }

 private:
  std::shared_ptr<Function> function_;
};

Value joiner(Interpreter&, Arguments& arguments) {
  const Parameters p("joiner", arguments, {"sep"});
  return std::static_pointer_cast<Object>(std::make_shared<Joiner>(p.given(0) ? p.at(0) : Value(", ")));
}

Value raise_exception(Interpreter& in, Arguments& arguments) {
  const Parameters p("raise_exception", arguments, {"message"});
  throw Failure("TemplateError", to_text(p.required(0), in.budget()).bytes);
}

Value strftime_now(Interpreter& in, Arguments& arguments) {
  const Parameters p("strftime_now", arguments, {"format"});
  const std::string format = to_text(p.required(0), in.budget()).bytes + "|";  // so that nothing means failure
  const std::time_t seconds = std::chrono::system_clock::to_time_t(in.now());
  std::tm local = {};
  localtime_r(&seconds, &local);
  std::string text(format.size() * 8 + 256, '\0');
  in.budget().make_text(std::ssize(text));
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &local));
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace

const Value* global(const std::string& name) {
  static const std::map<std::string, Value, std::less<>> globals = {
      {"range", function("range", range)},
      {"dict", function("dict", [](Interpreter& in, Arguments& a) { return Value(dict_of(in, a)); })},
      {"namespace", function("namespace", make_namespace)},
      {"cycler", function("cycler", cycler)},
      {"joiner", function("joiner", joiner)},
      {"raise_exception", function("raise_exception", raise_exception)},
      {"strftime_now", function("strftime_now", strftime_now)}};
  const auto it = globals.find(name);
  return it == globals.end() ? nullptr : &it->second;
}

}  // namespace foretell::jinja
