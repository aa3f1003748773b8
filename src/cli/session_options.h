// The files in which `generate` keeps what it has read: --session and --prompt-cache.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "foretell/session.h"

namespace foretell::cli {

struct SessionFlags {
  std::optional<std::string> session, prompt_cache;

  bool resumes() const;  // there is a session to go on with
};

void add_session_options(CLI::App& command, SessionFlags& flags);

// What a run takes from the prompt cache, and adds to it.
struct CachedPrompt {
  int64_t shared = 0;  // tokens of the prompt that were there
  int64_t read = 0;    // tokens that were read now
  double seconds = 0;  // that it took
};

// Leaves in `sequence` all of the prompt but its last token, and in the file, too, where the file had less of it.
// `stop` is asked now and then; where it says true, the file stays as it is.
CachedPrompt use_prompt_cache(const std::string& file, Model& model, Sequence& sequence,
                              std::span<const TokenId> prompt, const std::function<bool()>& stop);

}  // namespace foretell::cli
