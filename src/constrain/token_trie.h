// A vocabulary's tokens by their bytes, so that all of them can be tried against a grammar at once.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foretell/token_id.h"

namespace foretell::constrain {

// The nodes in depth-first order, the root first: the one behind a node is its first child, and `next` is the one
// behind its subtree.
class TokenTrie {
 public:
  struct Node {
    uint32_t next = 0;
    uint32_t tokens = 0;  // its first token in tokens(); its own end where those of the next node begin
    uint16_t depth = 0;   // bytes from the root
    uint8_t byte = 0;     // the last of them
  };

  struct Entry {
    std::string_view bytes;  // not empty
    TokenId id = 0;
  };
  explicit TokenTrie(std::vector<Entry> entries);

  // The last one is no node: it says where the others end.
  std::span<const Node> nodes() const { return nodes_; }
  uint32_t height() const { return height_; }  // the longest token's bytes
  uint32_t end() const { return static_cast<uint32_t>(nodes_.size() - 1); }
  std::span<const TokenId> tokens() const { return tokens_; }
  std::span<const TokenId> tokens_of(uint32_t first, uint32_t end) const {
    return std::span(tokens_).subspan(nodes_[first].tokens, nodes_[end].tokens - nodes_[first].tokens);
  }
  // Where a character beyond ASCII ends; or a token does inside of one, which can then become any from first to last.
  // Of tokens that are UTF-8, in the order of the nodes.
  struct Character {
    uint32_t node;
    char32_t first, last;
  };
  std::span<const Character> characters() const { return characters_; }
  // The child of a node, or 0.
  uint32_t child(uint32_t node, uint8_t byte) const;

 private:
  void note_character(std::string_view token, size_t end);

  std::vector<Node> nodes_;
  std::array<uint32_t, 256> first_{};  // the root's children
  std::vector<TokenId> tokens_;
  std::vector<Character> characters_;
  uint32_t height_ = 0;
};

}  // namespace foretell::constrain
