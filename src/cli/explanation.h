// What `explain` has found out, before it is shown.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"
#include "cli/terminal.h"
#include "foretell/tokenizer.h"
#include "foretell/trace.h"

namespace foretell::cli {

struct LensToken {
  TokenId id = 0;
  double probability = 0;
};
// What the model would say after a layer, at one position.
struct Lens {
  std::vector<LensToken> top;  // best first, lower ids first among equals
  double answer_probability = 0;
  int64_t answer_rank = 1;
};

struct Explanation {
  Trace trace;
  TokenId answer = 0;              // the token that is explained
  std::optional<TokenId> against;  // --contrast
  std::vector<Lens> lens;          // [layers], at the last position
  Lens final;                      // the same after all of it
  Attribution attribution;
  std::vector<Ablation> ablations;
  std::optional<Lens> unablated;     // what the whole model says, where parts are silenced
  std::optional<Patching> patching;  // --versus
  std::vector<TokenId> other_tokens;
  std::vector<int64_t> layers;  // that are shown
};

Lens look_through(std::span<const float> logits, TokenId answer, size_t count);
std::string name_of(const Ablation& ablation);

// One document (docs/explain.md), written piece by piece: a long text's is hundreds of megabytes.
void write_json(const Explanation& e, const Tokenizer* tokenizer, Output& out);
// For a terminal, in lines of at most `terminal.width` columns.
std::string explanation_text(const Explanation& e, const Tokenizer* tokenizer, const Terminal& terminal);

// One HTML file that needs nothing else; `model` is read once more for its embedding and its ledger.
std::string explanation_page(const Explanation& e, const std::filesystem::path& model, const Tokenizer* tokenizer);

}  // namespace foretell::cli
