// The tokens of a trie against a set of characters, any of which may follow one another: a string's, or those of a
// repetition like [a-z ]*. Tokens made of these alone need not be tried one by one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "constrain/code_points.h"
#include "constrain/token_trie.h"

namespace foretell::constrain {

class RunTokens {
 public:
  // The tokens are UTF-8; the last character of each may be open, and counts where it can become one of the set.
  RunTokens(const TokenTrie& trie, const CodePointSet& set);

  // Those made of the set's characters alone, in the trie's order, and the characters of the longest.
  std::span<const TokenId> tokens() const { return tokens_; }
  uint32_t most() const { return most_; }
  // The nodes, in order, whose subtrees hold such tokens alone, without those inside of such a subtree.
  std::span<const uint32_t> subtrees() const { return subtrees_; }
  // The most characters that a token of the subtree has behind the node, where all of these are of the set and the node
  // stands at the end of a character; else `none`.
  static constexpr uint32_t none = 127;
  uint32_t behind(uint32_t node) const { return nodes_[node] & none; }

 private:
  using Fits = std::vector<uint8_t>;  // of the nodes
  static Fits fit_characters(const TokenTrie& trie, const CodePointSet& set);
  void count_behind(const TokenTrie& trie, const Fits& fits);
  void find_tokens(const TokenTrie& trie, const Fits& fits);

  std::vector<uint8_t> nodes_;  // behind() of each, and all_fit
  std::vector<TokenId> tokens_;
  std::vector<uint32_t> subtrees_;
  uint32_t most_ = 0;
};

}  // namespace foretell::constrain
