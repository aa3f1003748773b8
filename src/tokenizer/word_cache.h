// What pieces of text became, for the next time: texts repeat their words. Bounded; when it is full it starts anew.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "foretell/tokenizer.h"

namespace foretell::tokenization {

struct Symbol {
  TokenId id;
  uint32_t length;  // bytes of the piece
};

class WordCache {
 public:
  static constexpr size_t longest_word = 64;

  // Null where the word is not there. Valid until the next insert.
  const std::span<const Symbol>* find(std::string_view word, uint64_t hash) {
    if (slots_.empty()) return nullptr;
    for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.hash == 0) return nullptr;
      if (slot.hash != tag(hash) || slot.length != word.size()) continue;
      if (std::memcmp(words_.data() + slot.word, word.data(), word.size()) != 0) continue;
      found_ = {symbols_.data() + slot.symbols, slot.count};
      return &found_;
    }
  }

  void insert(std::string_view word, uint64_t hash, std::span<const Symbol> symbols);

 private:
  static constexpr size_t most_words = size_t{1} << 16;
  struct Slot {
    uint32_t hash = 0;  // 0: free
    uint32_t word = 0;
    uint32_t symbols = 0;
    uint16_t length = 0;
    uint16_t count = 0;
  };
  static uint32_t tag(uint64_t hash) { return static_cast<uint32_t>(hash >> 32) | 1; }
  void place(const Slot& slot, uint64_t hash);

  std::vector<Slot> slots_;  // open addressing, a power of two
  std::string words_;
  std::vector<Symbol> symbols_;
  std::span<const Symbol> found_;
  size_t size_ = 0;
};

}  // namespace foretell::tokenization
