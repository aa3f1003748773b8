// Values of flags that were not given: from the variable FORETELL_<FLAG>, else from the config file.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace foretell::cli {

// One `key = value` of the config file.
struct Setting {
  std::string section;  // the command's name, or empty for all that have the flag
  std::string key;      // the flag's long name
  std::vector<std::string> values;
  bool list = false;
  int line = 0;
};

// The part of TOML (toml.io, 1.0) that flags need: keys, [sections], strings of one line, numbers, booleans and lists.
// Throws UsageError naming the line.
std::vector<Setting> parse_settings(std::string_view text, const std::filesystem::path& source);

// Gives every flag of the chosen command that the command line lacks its value from the environment or from the file.
// Errors name the variable or the line.
void apply_settings(const CLI::App& app);

}  // namespace foretell::cli
