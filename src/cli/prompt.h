// The text, or the ids, that a command works on: -p, -f, standard input or --ids.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "foretell/tokenizer.h"

namespace foretell::cli {

struct PromptOptions {
  std::optional<std::string> text;  // -p
  std::optional<std::string> file;  // -f; "-" is standard input
  std::optional<std::vector<TokenId>> ids;
  bool no_special = false;
};

// -p, -f, and where they are wanted --ids and --no-special.
struct PromptFlags {
  bool ids = true;
  bool no_special = true;
};
void add_prompt_options(CLI::App& command, PromptOptions& options, PromptFlags flags = {});

// What is to be read: the ids that were given, or else the text. A file, or standard input where it is piped, comes
// before -p; every byte is kept. Throws UsageError where nothing was given.
struct Prompt {
  std::optional<std::vector<TokenId>> ids;
  std::string text;
};
// Where it is not `needed`, nothing is an empty text.
Prompt read_prompt(const PromptOptions& options, bool needed = true);

// All of a file or, for "-", of standard input; pipes and devices too.
std::string read_input(const std::string& name);

// What is piped into standard input; nothing where that is a terminal.
std::optional<std::string> read_piped_input();

// "1,2,3" as token ids.
std::vector<TokenId> parse_ids(std::string_view text, const std::string& option);

// Throws UsageError where an id that a person typed is none of the vocabulary's.
void check_ids(const std::vector<TokenId>& ids, int64_t vocabulary_size);

}  // namespace foretell::cli
