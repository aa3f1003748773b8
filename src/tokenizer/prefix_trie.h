// Strings and ids, to be found where a text begins with them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "foretell/token_id.h"

namespace foretell::tokenization {

// Strings by their prefixes: a node for each.
class PrefixTrie {
 public:
  static constexpr uint32_t root = 0, nowhere = UINT32_MAX;
  PrefixTrie() : ids_(1, -1) {}
  void reserve(size_t nodes);
  void add(std::string_view text, TokenId id);
  uint32_t child(uint32_t node, char byte) const;
  TokenId id(uint32_t node) const { return ids_[node]; }  // -1 where no string ends
  // The longest string that `text` begins with; length 0 where there is none.
  struct Found {
    size_t length;
    TokenId id;
  };
  Found longest(std::string_view text) const;

 private:
  struct Slot {
    uint64_t key = UINT64_MAX;  // node and byte
    uint32_t child = nowhere;
  };
  void grow(size_t slots);
  size_t locate(uint64_t key) const;

  std::vector<Slot> slots_;  // open addressing, a power of two
  std::vector<TokenId> ids_;
};

}  // namespace foretell::tokenization
