// --token-healing: the end of a prompt is taken back and written again.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <vector>

#include "cli/text_source.h"
#include "foretell/healing.h"

namespace foretell::cli {

struct HealingFlag {
  bool asked = false;
  const CLI::Option* option = nullptr;

  // Whether the prompts of texts without a form are healed; where nobody says, as the model's publisher recommends.
  bool wanted(const TextSource& source) const;
};
CLI::Option* add_healing_option(CLI::App& command, HealingFlag& flag);

// What heals prompts; made for the first of them, as it looks at the whole vocabulary.
class PromptHealing {
 public:
  // The source must outlive it.
  explicit PromptHealing(const TextSource& source) : source_(source) {}

  // Throws Error where the model has no tokenizer.
  TakenBack take_back(std::vector<TokenId>& prompt);

 private:
  const TextSource& source_;
  std::optional<TokenHealing> healing_;
};

}  // namespace foretell::cli
