// Options of the command line, the same way for every command: numbers with their range, choices by name, and values
// that may also come from a variable or the config file. A value that is wrong throws UsageError and says what is
// allowed.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/exit.h"

namespace foretell::cli {

// The numbers that an option takes: from `least` to `most`; `open` ends do not belong to them.
template <class T>
struct Limits {
  T least = std::numeric_limits<T>::lowest();
  T most = std::numeric_limits<T>::max();
  bool open_least = false, open_most = false;

  bool contains(T value) const {
    return (open_least ? value > least : value >= least) && (open_most ? value < most : value <= most);
  }
};
using Whole = Limits<int64_t>;
using Real = Limits<double>;

std::string describe(const Limits<int64_t>& limits);  // "a whole number from 1 to 8"
std::string describe(const Limits<uint64_t>& limits);
std::string describe(const Limits<double>& limits);  // "a number above 0"

// The whole text as a number inside the limits. `option` names it in the error.
int64_t parse_number(std::string_view text, const Limits<int64_t>& limits, const std::string& option);
uint64_t parse_number(std::string_view text, const Limits<uint64_t>& limits, const std::string& option);
double parse_number(std::string_view text, const Limits<double>& limits, const std::string& option);

// "1,2,3": numbers separated by commas or blanks, brackets around them or not.
std::vector<int64_t> parse_numbers(std::string_view text, const Whole& limits, const std::string& option);

// What an option's callback is given: the last value where an option was repeated.
using TakeValue = std::function<void(const std::string& value, const std::string& option)>;
CLI::Option* add_value(CLI::App& command, const std::string& names, const std::string& type, const TakeValue& take,
                       const std::string& help);

template <class T>
std::string default_text(const T& value) {
  return CLI::detail::to_string(value);
}
template <class T>
std::string default_text(const std::optional<T>& value) {
  return value ? CLI::detail::to_string(*value) : std::string();
}

// A number into `target` (an int64_t, uint64_t or double, or an std::optional of one), whose present value is the
// default.
template <class Target, class T>
CLI::Option* add_number(CLI::App& command, const std::string& names, Target& target, const Limits<T>& limits,
                        const std::string& help) {
  CLI::Option* option = add_value(
      command, names, "N",
      [&target, limits](const std::string& value, const std::string& name) {
        target = static_cast<Target>(parse_number(value, limits, name));
      },
      help + " (" + describe(limits) + ")");
  return option->default_str(default_text(target));
}

// A text as it is; the last where it is repeated.
CLI::Option* add_text(CLI::App& command, const std::string& names, std::string& target, const std::string& type,
                      const std::string& help);
CLI::Option* add_text(CLI::App& command, const std::string& names, std::optional<std::string>& target,
                      const std::string& type, const std::string& help);

// A text that may be given several times; each is one value, whatever commas and brackets it holds.
CLI::Option* add_texts(CLI::App& command, const std::string& names, std::vector<std::string>& target,
                       const std::string& type, const std::string& help);

CLI::Option* add_switch(CLI::App& command, const std::string& names, bool& target, const std::string& help);

CLI::Option* add_choice_by_name(CLI::App& command, const std::string& names, const std::vector<std::string>& choices,
                                size_t default_choice, const std::function<void(size_t)>& take,
                                const std::string& help);

// One of a list of names, as a value; `target`'s present value is the default and must be among them.
template <class T>
CLI::Option* add_choice(CLI::App& command, const std::string& names, T& target,
                        const std::vector<std::pair<std::string, T>>& choices, const std::string& help) {
  std::vector<std::string> texts;
  std::vector<T> values;
  size_t default_choice = choices.size();
  for (const auto& [text, value] : choices) {
    if (value == target && default_choice == choices.size()) default_choice = texts.size();
    texts.push_back(text);
    values.push_back(value);
  }
  return add_choice_by_name(
      command, names, texts, default_choice, [&target, values](size_t i) { target = values[i]; }, help);
}

// The names that an option of add_choice takes; empty for other options.
std::vector<std::string> choices_of(const CLI::Option& option);

// A flag, and whether it was given.
using GivenFlag = std::pair<bool, const char*>;
// Throws UsageError for the first of these that was given beside `flag`, with which they do not go.
void refuse_others(std::span<const GivenFlag> others, const std::string& flag);

// What CLI11 found wrong with the arguments, in this program's words.
UsageError usage_error(const CLI::ParseError& error, const CLI::App& app);

}  // namespace foretell::cli
