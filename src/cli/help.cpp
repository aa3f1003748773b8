#include "cli/help.h"

#include <algorithm>
#include <sstream>

#include "cli/terminal.h"

namespace foretell::cli {
namespace {

constexpr int left_columns = 28;

}  // namespace

std::string HelpFormatter::row(const std::string& left, const std::string& right) const {
  const int room = std::max(30, std::min(width_, 110) - left_columns - 1);
  std::string out = "  " + left;
  const std::string margin(static_cast<size_t>(left_columns), ' ');
  if (right.empty()) return out + "\n";
  out = display_width(out) + 2 > left_columns ? out + "\n" + margin : pad_right(out, left_columns);
  std::istringstream words(right);
  std::string word;
  int used = 0;
  while (words >> word) {
    const int width = display_width(word);
    if (used > 0 && used + 1 + width > room) {
      out += "\n" + margin;
      used = 0;
    }
    out += (used > 0 ? " " : "") + word;
    used += (used > 0 ? 1 : 0) + width;
  }
  return out + "\n";
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return row(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool positional) const {
  std::string names;
  if (positional) {
    names = option->get_name(true, false);
    if (option->get_type_name().find('|') != std::string::npos) names += " " + option->get_type_name();
  } else {
    for (const std::string& name : option->get_snames()) names += (names.empty() ? "-" : ", -") + name;
    if (names.empty()) names = "    ";  // long names stand below each other
    for (const std::string& name : option->get_lnames())
      names += (names.find_first_not_of(' ') == std::string::npos ? "--" : ", --") + name;
    if (option->get_items_expected_max() > 0) names += " " + option->get_type_name();
  }
  std::string text = option->get_description();
  if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
  return row(names, text);
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  std::string out = app->get_description() + "\n\n" + make_usage(app, std::move(name));
  out += make_positionals(app) + make_subcommands(app, mode);
  std::string groups = make_groups(app, mode);
  // CLI11 ends a group with a blank line and begins the next with one.
  for (size_t at = groups.find("\n\n\n"); at != std::string::npos; at = groups.find("\n\n\n", at)) groups.erase(at, 1);
  out += groups;
  if (!app->get_footer().empty()) out += "\n" + app->get_footer() + "\n";
  return out;
}

std::string short_help(const CLI::App& app) {
  std::string out;
  const auto example = [&](const std::string& command, const std::string& what) {
    out += pad_right("  " + command, 56) + what + "\n";
  };
  example("foretell generate -p \"The capital of France is\"", "text that goes on from a prompt");
  example("foretell next -p \"The capital of France is\"", "what may come next, and how likely");
  example("foretell analogy king - man + woman", "directions between words");
  example("foretell inspect gpt3", "where the parameters of a model are");
  example("foretell tokenize -p \"Hello, world\"", "a text as the model sees it");
  // An example of a command that this build lacks would be a lie.
  std::string kept;
  std::istringstream lines(out);
  std::string line;
  const auto commands = app.get_subcommands({});
  while (std::getline(lines, line)) {
    const bool known = std::any_of(commands.begin(), commands.end(), [&](const CLI::App* command) {
      return line.starts_with("  foretell " + command->get_name() + " ");
    });
    if (known) kept += line + "\n";
  }
  kept += "\n" + app.get_description() + "\n\nCommands:\n";
  for (const CLI::App* command : commands)
    kept += pad_right("  " + command->get_name(), 14) + command->get_description() + "\n";
  return kept + "\n`foretell COMMAND --help` explains a command and its flags.\n";
}

}  // namespace foretell::cli
