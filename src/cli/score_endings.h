// `score --endings`: which ending of a text the model finds likeliest.
#pragma once

#include <optional>
#include <string>

#include "cli/context.h"
#include "cli/prompt.h"

namespace foretell::cli {

struct EndingsOptions {
  std::optional<std::string> file;
  std::optional<std::string> baseline;  // the text that stands for no beginning; absent: the beginning-of-text token
  std::optional<int64_t> limit;         // questions
};

// `prompt`: the beginning, where the file holds endings alone.
void score_endings(Context& context, const EndingsOptions& options, const PromptOptions& prompt);

}  // namespace foretell::cli
