// One line of `generate --batch-lines`: a JSON object that says what to write.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/healing_options.h"
#include "cli/line_chats.h"
#include "cli/text_source.h"
#include "foretell/batch.h"

namespace foretell::cli {

struct LineDefaults {
  GenerateOptions options;      // where a line says nothing of how tokens are drawn
  SamplingOptions if_asked;     // what its settings go on top of, where it does
  bool special = true;          // the tokenizer's special tokens are added to prompts
  int64_t vocabulary_size = 0;  // for ids
  bool heal = false;            // the ends of prompts and ids
  PromptHealing* healing = nullptr;
  LineChats* chats = nullptr;
};

struct BatchLine {
  std::string prompt;            // its text, if it has one
  std::optional<LineChat> chat;  // if it has messages
  BatchText text;
};

// "prompt", "ids" or "messages" (with "tools" and "template_args"), and what is to differ from the command line:
// "max_tokens", "max_seconds", "seed", "stop", "greedy", "ignore_eos", "suppress", "token_healing", and the samplers'
// numbers by their flags' names with _ for -. "id" is anything. Throws Error for what is missing, unknown or wrong.
BatchLine read_batch_line(const nlohmann::ordered_json& line, const TextSource& source, const LineDefaults& defaults);

}  // namespace foretell::cli
