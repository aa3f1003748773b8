// `foretell completion SHELL`: the flags of every command, from the very tree that reads them.
#include <algorithm>

#include "cli/commands.h"
#include "cli/options.h"

namespace foretell::cli {
namespace {

struct Flag {
  std::vector<std::string> names;    // with their dashes
  std::vector<std::string> choices;  // of the value
  std::string help;
  bool value = false;  // takes one
  bool file = false;   // and it may be a file or folder
};

struct CommandFlags {
  std::string name, help;
  std::vector<Flag> flags;
  std::vector<std::string> positional_choices;
  bool positional_file = false;
};

bool names_a_file(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type == "MODEL" || type.find("FILE") != std::string::npos || type.find("DIR") != std::string::npos;
}

// One line for a shell's list: no quotes or brackets that would mean something to it.
std::string harmless(std::string text) {
  text = text.substr(0, text.find(" ("));
  std::erase_if(text, [](char c) { return std::string_view("'\"`$\\[]{}:<>|&;*?").find(c) != std::string_view::npos; });
  return text;
}

std::vector<CommandFlags> command_flags(const CLI::App& app) {
  std::vector<CommandFlags> commands;
  for (const CLI::App* command : app.get_subcommands({})) {
    CommandFlags entry;
    entry.name = command->get_name();
    entry.help = harmless(command->get_description());
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_positional()) {
        entry.positional_choices = choices_of(*option);
        entry.positional_file = names_a_file(*option);
      }
      if (!option->nonpositional()) continue;
      Flag flag;
      flag.choices = choices_of(*option);
      flag.help = harmless(option->get_description());
      for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
      for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
      flag.value = option->get_items_expected_max() > 0;
      flag.file = names_a_file(*option);
      entry.flags.push_back(flag);
    }
    commands.push_back(entry);
  }
  return commands;
}

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  return CLI::detail::join(words, separator);
}

std::string command_names(const std::vector<CommandFlags>& commands) {
  std::vector<std::string> names;
  for (const CommandFlags& command : commands) names.push_back(command.name);
  return joined(names, " ");
}

std::string bash_script(const std::vector<CommandFlags>& commands) {
  std::string flags, values;
  for (const CommandFlags& command : commands) {
    std::vector<std::string> names;
    for (const Flag& flag : command.flags) {
      names.insert(names.end(), flag.names.begin(), flag.names.end());
      if (!flag.value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : flag.names) patterns.push_back(command.name + "=" + name);
      const std::string words =
          flag.choices.empty() ? ""
                               : "COMPREPLY=($(compgen -W \"" + joined(flag.choices, " ") + "\" -- \"$current\")); ";
      values += "    " + joined(patterns, "|") + ") " + (flag.file ? "_foretell_files; " : words) + "return ;;\n";
    }
    flags += "    " + command.name + ") flags=\"" + joined(names, " ") + "\" words=\"" +
             joined(command.positional_choices, " ") + "\" files=" + (command.positional_file ? "1" : "") + " ;;\n";
  }
  return R"(# bash completion for foretell: source <(foretell completion bash)
_foretell_files() {
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(IFS=$'\n'; compgen -f -- "$current"))
}
_foretell() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="" flags="" words="" files="" i
  COMPREPLY=()
  # --flag=value arrives as three words.
  if [[ $current == "=" ]]; then current=""; elif [[ $previous == "=" ]]; then previous="${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then command="${COMP_WORDS[i]}"; break; fi
  done
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W ")" +
         command_names(commands) + R"( --help --version" -- "$current"))
    return
  fi
  case "$command=$previous" in
)" + values +
         R"(  esac
  case "$command" in
)" + flags +
         R"(  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  elif [[ -n $files ]]; then
    _foretell_files
  fi
}
complete -F _foretell foretell
)";
}

std::string zsh_script(const std::vector<CommandFlags>& commands) {
  std::string list, cases;
  for (const CommandFlags& command : commands) {
    list += "    '" + command.name + ":" + command.help + "'\n";
    cases += "    " + command.name + ")\n      _arguments";
    for (const Flag& flag : command.flags) {
      std::string action;
      if (flag.value) {
        action = ":value:";
        if (flag.file) action += "_files";
        if (!flag.choices.empty()) action += "(" + joined(flag.choices, " ") + ")";
      }
      for (const std::string& name : flag.names) {
        const std::string equals = flag.value && name.starts_with("--") ? "=" : "";
        cases += " \\\n        '*" + name + equals + "[" + flag.help + "]" + action + "'";
      }
    }
    if (!command.positional_choices.empty())
      cases += " \\\n        '1:word:(" + joined(command.positional_choices, " ") + ")'";
    if (command.positional_file) cases += " \\\n        '1:model:_files'";
    cases += " ;;\n";
  }
  return R"(#compdef foretell
# zsh completion for foretell: source <(foretell completion zsh), or save it as _foretell in a folder of $fpath
_foretell() {
  local -a commands
  commands=(
)" + list +
         R"(  )
  if (( CURRENT == 2 )); then
    _describe -t commands 'foretell command' commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
)" + cases +
         R"(  esac
}
if [[ $funcstack[1] == _foretell ]]; then _foretell "$@"; else compdef _foretell foretell; fi
)";
}

std::string fish_script(const std::vector<CommandFlags>& commands) {
  std::string out = "# fish completion for foretell: foretell completion fish | source\ncomplete -c foretell -f\n";
  for (const CommandFlags& command : commands)
    out += "complete -c foretell -n __fish_use_subcommand -a " + command.name + " -d '" + command.help + "'\n";
  for (const CommandFlags& command : commands) {
    const std::string when = "complete -c foretell -n '__fish_seen_subcommand_from " + command.name + "'";
    for (const Flag& flag : command.flags) {
      out += when;
      for (const std::string& name : flag.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (flag.value) out += flag.file ? " -r -F" : " -x";
      if (!flag.choices.empty()) out += " -a '" + joined(flag.choices, " ") + "'";
      out += " -d '" + flag.help + "'\n";
    }
    if (!command.positional_choices.empty()) out += when + " -a '" + joined(command.positional_choices, " ") + "'\n";
    if (command.positional_file) out += when + " -F\n";
  }
  return out;
}

}  // namespace

void add_completion_command(CLI::App& app, Context& context) {
  using Script = std::string (*)(const std::vector<CommandFlags>&);
  auto script = std::make_shared<Script>(nullptr);
  CLI::App& command = add_command(
      app, context, "completion", "Print a completion script for a shell",
      {"source <(foretell completion bash)", "foretell completion fish | source"}, [&app, &context, script] {
        if (*script == nullptr)
          throw UsageError({.what = "which shell is it for?", .expected = "one of bash, zsh, fish"});
        context.out.write((*script)(command_flags(app)));
      });
  add_choice<Script>(command, "shell", *script, {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}},
                     "The shell");
}

}  // namespace foretell::cli
