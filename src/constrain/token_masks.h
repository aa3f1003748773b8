// Which tokens may come next in each state of a recognizer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "constrain/recognizer.h"
#include "constrain/vocabulary.h"

namespace foretell::constrain {

using TokenBits = std::vector<uint64_t>;  // a bit for each id

class TokenMasks {
 public:
  using State = Recognizer::State;

  // `end_ids`: allowed where the text may end. Both must outlive it.
  TokenMasks(Recognizer& recognizer, const Vocabulary& vocabulary, std::span<const TokenId> end_ids);

  struct Mask {
    TokenBits bits;
    uint32_t most_left = 0;                   // after each of the tokens, this many bytes complete the text
    std::optional<int64_t> most_tokens = {};  // and this many tokens, where that was asked for
  };
  // Valid until forget().
  const Mask& mask(State state) { return find_mask(state); }
  // So many tokens complete the text after each of the mask's tokens.
  int64_t most_tokens(State state);
  // Those tokens of the mask after which `left` tokens can complete the text.
  void filter(State state, int64_t left, TokenBits& bits);

  // The fewest tokens for one of the shortest ways to complete the text; none where there are none or very many.
  const std::optional<std::vector<TokenId>>& completion(State state);
  bool can_complete(State state, int64_t left);
  // Whether one of the tokens that begin with `text`, read from `state` on, and go further is allowed.
  bool reaches_beyond(State state, std::string_view text);

  size_t memory() const { return masks_.size() * (words_ * sizeof(uint64_t) + 128) + completions_.size() * 128; }
  void forget() { masks_.clear(), completions_.clear(); }

 private:
  template <class Allow>
  void walk(const TokenTrie& trie, uint32_t first, uint32_t end, bool plain, Allow&& allow);
  Mask& find_mask(State state);
  void allow_ends(State state, TokenBits& bits) const;

  Recognizer& recognizer_;
  const Vocabulary& vocabulary_;
  const std::vector<TokenId> end_ids_;
  size_t words_;
  TokenBits plain_bits_;  // all tokens of the plain trie
  std::unordered_map<State, std::unique_ptr<Mask>> masks_;
  std::unordered_map<State, std::optional<std::vector<TokenId>>> completions_;
  std::vector<State> states_;  // at each depth of a walk
};

}  // namespace foretell::constrain
