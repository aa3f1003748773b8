// The list of merges of a byte pair encoding: a pair of ids to its place in the list and the id that it becomes.
#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "foretell/tokenizer.h"

namespace foretell::tokenization {

struct Merge {
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t rank = none;  // the place in the list: lower is done first
  TokenId id = -1;
};

class MergeTable {
 public:
  explicit MergeTable(size_t merges);
  // A pair that is there already gets the new rank.
  void add(TokenId left, TokenId right, Merge merge);
  // Asks for the memory that add() will write to.
  void fetch(TokenId left, TokenId right) const { __builtin_prefetch(&slot(slot_of(key_of(left, right))), 1); }
  Merge find(TokenId left, TokenId right) const {
    const uint64_t key = key_of(left, right);
    for (size_t at = slot_of(key);; at = (at + 1) & mask_) {
      const Slot& found = slot(at);
      if (found.key == key) return found.merge;
      if (found.key == empty) return {};
    }
  }
  size_t size() const { return size_; }

 private:
  static constexpr uint64_t empty = 0;
  struct Slot {
    uint64_t key;
    Merge merge;
  };
  // Ids are not negative, so that no pair's complement is 0.
  static uint64_t key_of(TokenId left, TokenId right) {
    return ~(static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right));
  }
  Slot& slot(size_t at) const { return slots_[static_cast<int64_t>(at)]; }
  size_t slot_of(uint64_t key) const {
    // The upper bits of the product depend on all bits of the key (Knuth's multiplicative hashing).
    return static_cast<size_t>((key ^ key >> 29) * 0x9e3779b97f4a7c15 >> shift_);
  }

  AlignedBuffer<Slot> slots_;  // open addressing, a power of two
  size_t mask_;
  int shift_;
  size_t size_ = 0;
};

}  // namespace foretell::tokenization
