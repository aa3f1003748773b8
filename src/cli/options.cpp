#include "cli/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/near_names.h"

namespace foretell::cli {
namespace {

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

template <class T>
std::string plain(T value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

template <class T>
std::string describe_limits(const std::string& kind, const Limits<T>& limits) {
  const bool from = limits.least != std::numeric_limits<T>::lowest(), to = limits.most != std::numeric_limits<T>::max();
  if (from && to && !limits.open_least && !limits.open_most)
    return kind + " from " + plain(limits.least) + " to " + plain(limits.most);
  std::string text = kind;
  if (from) text += (limits.open_least ? " above " : " of at least ") + plain(limits.least);
  if (to) text += (from ? " and " : " ") + std::string(limits.open_most ? "below " : "at most ") + plain(limits.most);
  return text;
}

template <class T>
T parse_any(std::string_view text, const Limits<T>& limits, const std::string& option) {
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  T value{};
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  // "nan" and "inf" are numbers to from_chars; to a sampler they are none.
  bool number = end == digits.data() + digits.size() && status != std::errc::invalid_argument;
  bool inside = status == std::errc() && limits.contains(value);
  if constexpr (std::is_floating_point_v<T>) {
    if (status == std::errc() && !std::isfinite(value)) number = false;
  }
  if constexpr (std::is_unsigned_v<T>) {  // a negative number is a number all the same
    int64_t negative = 0;
    const auto other = std::from_chars(digits.data(), digits.data() + digits.size(), negative);
    if (!number && other.ptr == digits.data() + digits.size()) number = true, inside = false;
  }
  if (number && inside) return value;
  throw UsageError({.what = option + (number ? " is out of range" : " needs a number"),
                    .expected = describe(limits),
                    .found = in_quotes(text)});
}

// "-k/--top"
std::string flag_name(const CLI::Option& option) {
  std::string name = option.get_name(false, true);
  std::replace(name.begin(), name.end(), ',', '/');
  return name;
}

// All spellings of the flags of a command.
std::vector<std::string> flag_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

UsageError unexpected_argument(const CLI::App& app) {
  const std::vector<std::string> before = app.remaining(false), rest = app.remaining(true);
  const std::string argument = rest.empty() ? "" : rest.front();
  const auto commands = app.get_subcommands();
  if (!before.empty() && !commands.empty())
    return UsageError({.what = in_quotes(before.front()) + " stands before the command",
                       .hint = "flags follow it: foretell " + commands.front()->get_name() + " " + before.front()});
  const CLI::App& command = commands.empty() ? app : *commands.front();
  if (argument.size() > 1 && argument[0] == '-') {
    const std::string flag = argument.substr(0, argument.find('='));
    std::string what = "unknown flag " + flag;
    if (!commands.empty()) what += " of " + command.get_name();
    std::string hint = did_you_mean(flag, flag_names(command));
    if (hint.empty())
      hint = "foretell " + (commands.empty() ? "" : command.get_name() + " ") + "--help lists the flags";
    return UsageError({.what = what, .hint = hint});
  }
  if (!commands.empty())
    return UsageError({.what = "unexpected argument " + in_quotes(argument),
                       .hint = "foretell " + command.get_name() + " --help shows what it takes"});
  std::vector<std::string> names;
  for (const CLI::App* known : app.get_subcommands({})) names.push_back(known->get_name());
  std::string hint = did_you_mean(argument, names);
  if (hint.empty()) hint = "foretell --help lists the commands";
  return UsageError({.what = "unknown command " + in_quotes(argument), .hint = hint});
}

}  // namespace

std::string describe(const Limits<int64_t>& limits) { return describe_limits("a whole number", limits); }
std::string describe(const Limits<uint64_t>& limits) {
  if (limits.least == 0 && limits.most == std::numeric_limits<uint64_t>::max())
    return "a whole number of at least 0, below 2^64";
  return describe_limits("a whole number", limits);
}
std::string describe(const Limits<double>& limits) { return describe_limits("a number", limits); }

int64_t parse_number(std::string_view text, const Limits<int64_t>& limits, const std::string& option) {
  return parse_any(text, limits, option);
}
uint64_t parse_number(std::string_view text, const Limits<uint64_t>& limits, const std::string& option) {
  return parse_any(text, limits, option);
}
double parse_number(std::string_view text, const Limits<double>& limits, const std::string& option) {
  return parse_any(text, limits, option);
}

std::vector<int64_t> parse_numbers(std::string_view text, const Whole& limits, const std::string& option) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto trim = [&](std::string_view s) {
    while (!s.empty() && blanks.find(s.front()) != std::string_view::npos) s.remove_prefix(1);
    while (!s.empty() && blanks.find(s.back()) != std::string_view::npos) s.remove_suffix(1);
    return s;
  };
  std::string_view rest = trim(text);
  if (rest.size() >= 2 && rest.front() == '[' && rest.back() == ']') rest = trim(rest.substr(1, rest.size() - 2));
  std::vector<int64_t> numbers;
  while (!rest.empty()) {
    const size_t end = rest.find_first_of(", \t\r\n");
    numbers.push_back(parse_number(rest.substr(0, end), limits, option));
    if (end == std::string_view::npos) break;
    std::string_view after = trim(rest.substr(end));
    if (!after.empty() && after.front() == ',') {
      after = trim(after.substr(1));
      if (after.empty())  // a comma with nothing behind it
        throw UsageError({.what = option + " ends with a comma", .expected = describe(limits)});
    }
    rest = after;
  }
  return numbers;
}

CLI::Option* add_value(CLI::App& command, const std::string& names, const std::string& type, const TakeValue& take,
                       const std::string& help) {
  // The option is known only once it was added, but its name is wanted when its value comes.
  auto self = std::make_shared<CLI::Option*>(nullptr);
  CLI::Option* option = command.add_option(
      names,
      [take, self](const CLI::results_t& values) {
        take(values.back(), flag_name(**self));
        return true;
      },
      help);
  *self = option;
  return option->type_name(type)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

CLI::Option* add_text(CLI::App& command, const std::string& names, std::string& target, const std::string& type,
                      const std::string& help) {
  return add_value(
      command, names, type, [&target](const std::string& value, const std::string&) { target = value; }, help);
}

CLI::Option* add_text(CLI::App& command, const std::string& names, std::optional<std::string>& target,
                      const std::string& type, const std::string& help) {
  return add_value(
      command, names, type, [&target](const std::string& value, const std::string&) { target = value; }, help);
}

CLI::Option* add_texts(CLI::App& command, const std::string& names, std::vector<std::string>& target,
                       const std::string& type, const std::string& help) {
  CLI::Option* option = command.add_option(
      names,
      [&target](const CLI::results_t& values) {
        target = values;
        return true;
      },
      help + " (repeatable)");
  // Without extra arguments CLI11 takes brackets for what they are, and one value for each flag.
  return option->type_name(type)
      ->type_size(1)
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CLI::Option* add_switch(CLI::App& command, const std::string& names, bool& target, const std::string& help) {
  return command.add_flag(names, target, help);
}

CLI::Option* add_choice_by_name(CLI::App& command, const std::string& names, const std::vector<std::string>& choices,
                                size_t default_choice, const std::function<void(size_t)>& take,
                                const std::string& help) {
  const auto take_name = [choices, take](const std::string& value, const std::string& option) {
    for (size_t i = 0; i < choices.size(); i++) {
      if (choices[i] == value) return take(i);
    }
    std::string expected;
    for (const std::string& choice : choices) expected += (expected.empty() ? "one of " : ", ") + choice;
    throw UsageError({.what = option + " has no such choice",
                      .expected = expected,
                      .found = in_quotes(value),
                      .hint = did_you_mean(value, choices)});
  };
  CLI::Option* option = add_value(command, names, CLI::detail::join(choices, "|"), take_name, help);
  if (default_choice < choices.size()) option->default_str(choices[default_choice]);
  return option;
}

std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type.find('|') == std::string::npos) return {};
  return CLI::detail::split(type, '|');
}

void refuse_others(std::span<const GivenFlag> others, const std::string& flag) {
  for (const auto& [given, other] : others)
    if (given) throw UsageError({.what = std::string(other) + " does not go with " + flag});
}

UsageError usage_error(const CLI::ParseError& error, const CLI::App& app) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return unexpected_argument(app);
  const std::string message = error.what();
  const std::string subject = message.substr(0, message.find(": "));
  if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
    const size_t between = message.find(" excludes ");
    return UsageError(
        {.what = message.substr(0, between) + " and " + message.substr(between + 10) + " exclude each other"});
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && message.ends_with("missing"))
    return UsageError({.what = subject + " needs a value"});
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {  // "Could not convert: --json = maybe"
    const size_t name = message.find("--"), value = message.find(" = ");
    if (name < value && value != std::string::npos)
      return UsageError({.what = message.substr(name, value - name) + " is a switch",
                         .expected = "no value, or true or false",
                         .found = in_quotes(message.substr(value + 3))});
  }
  return UsageError({.what = message});
}

}  // namespace foretell::cli
