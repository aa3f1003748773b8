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
    int64_t most_left = 0;  // after each of the tokens, this many bytes complete the text
  };
  // Valid until the next call.
  const Mask& mask(State state);
  // So many tokens complete the text after each of the mask's tokens.
  int64_t most_tokens(State state);
  // Those tokens of the mask after which `left` tokens can complete the text.
  void filter(State state, int64_t left, TokenBits& bits);

  // The fewest tokens for one of the shortest ways to complete the text; none where there are none or very many.
  const std::optional<std::vector<TokenId>>& completion(State state);
  bool can_complete(State state, int64_t left);
  // Whether one of the tokens that begin with `text`, read from `state` on, and go further is allowed.
  bool reaches_beyond(State state, std::string_view text);

  size_t memory() const;
  void forget();
  size_t nodes_tried() const { return nodes_tried_; }  // of the tries, so far

 private:
  // For the tokens of up to Recognizer::near bytes, which all states of one kind have in common.
  struct NearMask {
    TokenBits bits;
    int64_t most_left = INT64_MIN;  // as Mask::most_left, less ways_cost() of the state
  };
  struct FarTokens {
    const RunTokens* run = nullptr;  // all of its tokens, and
    std::vector<TokenId> ids;
    int64_t most_left = 0;
  };
  // The vocabulary against the characters of one of the recognizer's runs.
  struct RunMask {
    std::vector<std::shared_ptr<const RunTokens>> parts;  // of the vocabulary's; null for those that are not plain
    TokenBits near;                                       // those tokens of the run's characters that are near
  };

  template <class Skip, class Take, class Allow>
  void walk(const TokenTrie& trie, uint32_t first, uint32_t end, Skip&& skip, Take&& take, Allow&& allow);
  template <class Allow>
  void walk_all(State state, Allow&& allow);
  template <class Allow>
  const RunTokens* walk_part(State state, size_t part, Allow&& allow);
  const NearMask& near_mask(State state);
  const FarTokens& far_tokens(State state);
  const RunMask& run_mask(uint32_t set);
  const RunTokens* run_allowed(State state, size_t part);
  int64_t left_behind(State after, bool whole);
  void allow_ends(State state, TokenBits& bits) const;

  Recognizer& recognizer_;
  const Vocabulary& vocabulary_;
  const std::vector<TokenId> end_ids_;
  size_t words_;
  std::vector<std::unique_ptr<RunMask>> run_masks_;    // of the recognizer's run_sets(), made when they are needed
  std::unordered_map<uint32_t, NearMask> near_masks_;  // by the kind of the state
  std::unordered_map<State, FarTokens> far_tokens_;
  size_t far_ids_ = 0;
  std::unordered_map<State, int64_t> most_tokens_;
  std::unordered_map<State, std::optional<std::vector<TokenId>>> completions_;
  Mask mask_;
  std::vector<State> states_;  // at each depth of a walk
  size_t nodes_tried_ = 0;
};

}  // namespace foretell::constrain
