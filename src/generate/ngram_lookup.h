// Finds where the end of a text stood before, and so what may come next: text that is repeated, quoted or edited is
// foretold without a model (Saxena, "Prompt lookup decoding", 2023; the chains of positions are those of LZ77
// compressors).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "foretell/token_id.h"
#include "generate/speculation_costs.h"

namespace foretell {

class NgramLookup {
 public:
  static constexpr size_t least = 3;  // shorter ends of the text are not looked for

  // Up to `tokens` tokens are read without allocating.
  explicit NgramLookup(size_t tokens);

  // The history has grown: takes in what is new and looks for its end.
  void read(std::span<const TokenId> history);

  // The longest run of tokens that the history ends with and that stands in it before, of several the last; 0: none.
  size_t match_length() const { return match_.length; }
  // How probable it is that the token `ahead` places after the match comes again, if those before it did: judged by how
  // it went after matches of such lengths.
  double chance(size_t ahead) const { return acceptance_[kind_of(match_.length + ahead)].rate(); }
  // The tokens after the match; where it reaches the end of the text, they go on with themselves.
  void copy_continuation(std::span<const TokenId> history, std::span<TokenId> out) const;

 private:
  static constexpr size_t kinds = 5;
  static size_t kind_of(size_t length) {
    return length < 4 ? 0 : length < 6 ? 1 : length < 9 ? 2 : length < 17 ? 3 : 4;
  }
  struct Match {
    size_t next = 0;  // the token after it
    size_t length = 0;
  };
  size_t slot(const TokenId* gram) const;
  Match longest(std::span<const TokenId> history) const;

  std::vector<uint32_t> heads_;  // [slots] the end of the last run of `least` tokens with this hash, plus 1; 0: none
  std::vector<uint32_t> links_;  // [tokens read] the end of the one before it with the same hash, plus 1
  Match match_;
  Acceptance acceptance_[kinds] = {Acceptance(0.3), Acceptance(0.4), Acceptance(0.6), Acceptance(0.8), Acceptance(0.9)};
};

}  // namespace foretell
