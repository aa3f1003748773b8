#include "cli/healing_options.h"

#include <spdlog/spdlog.h>

#include "cli/options.h"
#include "cli/token_text.h"

namespace foretell::cli {

CLI::Option* add_healing_option(CLI::App& command, HealingFlag& flag) {
  CLI::Option* option =
      add_switch(command, "--token-healing", flag.asked,
                 "Where the prompt's end may be the beginning of longer tokens, let the model write it again")
          ->group("Input");
  flag.option = option;
  return option;
}

bool HealingFlag::wanted(const TextSource& source) const {
  if (option->count() > 0) return asked;
  return source.defaults().token_healing && source.tokenizer() != nullptr;
}

TakenBack PromptHealing::take_back(std::vector<TokenId>& prompt) {
  const Tokenizer* tokenizer = source_.tokenizer();
  if (tokenizer == nullptr)
    throw Error({.what = "token healing needs a tokenizer, and the model has none", .file = source_.path().string()});
  if (!healing_) healing_.emplace(*tokenizer, source_.defaults().sampling.end_ids);
  TakenBack taken = healing_->take_back(prompt);
  spdlog::debug("token healing: {} tokens are taken back: {}", taken.ids.size(), shown_token(taken.bytes, 60));
  return taken;
}

}  // namespace foretell::cli
