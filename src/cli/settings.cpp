#include "cli/settings.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/mapped_file.h"
#include "base/near_names.h"
#include "cli/exit.h"
#include "cli/options.h"

namespace foretell::cli {
namespace {

namespace fs = std::filesystem;

// Values for one flag, and the place that they come from.
struct Given {
  std::vector<std::string> values;
  bool list = false;
  std::string where;  // "variable FORETELL_TEMP", "line 3"
  std::string file;
};

std::string variable_value(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

fs::path config_file() {
  // The XDG base directory specification: a relative path there counts as none.
  const fs::path base = variable_value("XDG_CONFIG_HOME");
  if (base.is_absolute()) return base / "foretell" / "config.toml";
  const fs::path home = variable_value("HOME");
  return home.is_absolute() ? home / ".config" / "foretell" / "config.toml" : fs::path();
}

std::vector<Setting> read_settings() {
  const fs::path path = config_file();
  std::error_code error;
  if (path.empty() || !fs::exists(path, error)) return {};
  return parse_settings(read_text_file(path), path);
}

// The flags that may be set so: all but --help.
std::vector<CLI::Option*> settable(CLI::App& command) {
  return command.get_options(
      [&](const CLI::Option* option) { return !option->get_lnames().empty() && option != command.get_help_ptr(); });
}

std::string variable_of(const CLI::Option& option) {
  std::string name = "FORETELL_" + option.get_lnames().front();
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

bool has_name(const CLI::Option& option, const std::string& key) {
  const auto& names = option.get_lnames();
  return std::find(names.begin(), names.end(), key) != names.end();
}

void check_names(const CLI::App& app, const std::vector<Setting>& settings, const fs::path& file) {
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
  for (const Setting& setting : settings) {
    const std::string where = "line " + std::to_string(setting.line);
    if (!setting.section.empty() && std::find(commands.begin(), commands.end(), setting.section) == commands.end())
      throw UsageError({.what = "a section is named after no command",
                        .file = file.string(),
                        .where = where,
                        .found = "[" + setting.section + "]",
                        .hint = did_you_mean(setting.section, commands)});
    std::vector<std::string> flags;
    bool known = false;
    for (const CLI::App* command : app.get_subcommands({})) {
      if (!setting.section.empty() && command->get_name() != setting.section) continue;
      for (const CLI::Option* option : settable(const_cast<CLI::App&>(*command))) {
        known = known || has_name(*option, setting.key);
        flags.insert(flags.end(), option->get_lnames().begin(), option->get_lnames().end());
      }
    }
    if (!known)
      throw UsageError({.what = "a key is the name of no flag",
                        .file = file.string(),
                        .where = where,
                        .found = "\"" + setting.key + "\"",
                        .hint = did_you_mean(setting.key, flags)});
  }
}

// A flag on the command line that this one cannot stand beside.
bool excluded(const CLI::Option& option) {
  const auto& others = option.get_excludes();
  return std::any_of(others.begin(), others.end(), [](const CLI::Option* other) { return other->count() > 0; });
}

void give(CLI::Option& option, const Given& given) {
  try {
    if (given.list && option.get_items_expected_max() == 1) {
      option.add_result(CLI::detail::join(given.values, ","));
    } else {
      option.add_result(given.values);
    }
    option.run_callback();
  } catch (const UsageError& error) {
    throw error.with({.file = given.file, .where = given.where});
  } catch (const CLI::ParseError&) {
    throw UsageError({.what = option.get_name() + " cannot have this value",
                      .file = given.file,
                      .where = given.where,
                      .expected = option.get_items_expected_max() == 0 ? "true or false" : "",
                      .found = "\"" + CLI::detail::join(given.values, ",") + "\""});
  }
}

}  // namespace

void apply_settings(const CLI::App& app) {
  const std::vector<Setting> settings = read_settings();
  const fs::path file = config_file();
  check_names(app, settings, file);
  for (CLI::App* command : app.get_subcommands()) {
    // Which flags the command line leaves open is settled before the first is filled in.
    std::map<CLI::Option*, Given> open;
    for (CLI::Option* option : settable(*command)) {
      if (option->count() > 0 || excluded(*option)) continue;
      const std::string variable = variable_of(*option);
      if (const std::string value = variable_value(variable); !value.empty()) {
        open[option] = {{value}, false, "variable " + variable, ""};
        continue;
      }
      for (const Setting& setting : settings) {  // a section's own value counts for more than one for all commands
        if (!has_name(*option, setting.key) || (!setting.section.empty() && setting.section != command->get_name()))
          continue;
        if (setting.section.empty() && open.count(option) > 0) continue;
        open[option] = {setting.values, setting.list, "line " + std::to_string(setting.line), file.string()};
      }
    }
    for (CLI::Option* option : settable(*command)) {
      const auto found = open.find(option);
      if (found != open.end() && !excluded(*option)) give(*option, found->second);
    }
  }
}

}  // namespace foretell::cli
