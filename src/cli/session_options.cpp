#include "cli/session_options.h"

#include <algorithm>

#include "base/clock.h"
#include "base/mapped_file.h"
#include "cli/options.h"

namespace foretell::cli {

bool SessionFlags::resumes() const { return session && file_exists(*session); }

void add_session_options(CLI::App& command, SessionFlags& flags) {
  add_text(command, "--session", flags.session, "FILE",
           "Go on with the text that is kept there, if there is one, and keep all of it there at the end; a prompt is "
           "added to it")
      ->group("Generation");
  add_text(command, "--prompt-cache", flags.prompt_cache, "FILE",
           "Keep there what was read of the prompt; a prompt that begins like it is not read again so far")
      ->group("Generation");
}

CachedPrompt use_prompt_cache(const std::string& file, Model& model, Sequence& sequence,
                              std::span<const TokenId> prompt, const std::function<bool()>& stop) {
  CachedPrompt result;
  const std::span<const TokenId> beginning = prompt.first(prompt.size() - 1);  // the last token gives the logits
  if (file_exists(file)) {
    Session kept = load_session(model, file, sequence.capacity());
    const std::span<const TokenId> there = kept.sequence.tokens();
    const auto end = std::mismatch(beginning.begin(), beginning.end(), there.begin(), there.end()).first;
    result.shared = end - beginning.begin();
    sequence = kept.sequence.fork(result.shared);
  }
  const auto start = Clock::now();
  const Span rest{&sequence, beginning.subspan(static_cast<size_t>(result.shared)), Span::Logits::None};
  if (rest.tokens.empty()) return result;
  model.step({&rest, 1}, {}, stop);
  result.read = sequence.length() - result.shared;
  result.seconds = seconds_since(start);
  if (sequence.length() == static_cast<int64_t>(beginning.size())) save_session(model, sequence, beginning, 0, file);
  return result;
}

}  // namespace foretell::cli
