// A scored text as a person reads it.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"
#include "foretell/tokenizer.h"
#include "generate/scoring.h"

namespace foretell::cli {

struct ScoredToken {
  std::string bytes;  // empty where there is no tokenizer
  TokenId id = 0;
};

// The text itself, each token on a colour that says how little it was expected, and under the least expected ones what
// was more likely. Only for terminals with colours.
std::string coloured_text(const std::vector<ScoredToken>& tokens, const ScoredText& scored, const Tokenizer* tokenizer,
                          int width);
// A line for each token.
std::string token_lines(const std::vector<ScoredToken>& tokens, const ScoredText& scored, const Tokenizer* tokenizer,
                        const Terminal& terminal);

double bits(double nats);

}  // namespace foretell::cli
