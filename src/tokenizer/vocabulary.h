// Names and ids. The names lie one behind the other in one block, so that a vocabulary of any size loads fast.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "foretell/tokenizer.h"

namespace foretell::tokenization {

// No published vocabulary comes near; it keeps a broken file from asking for all memory.
inline constexpr int64_t largest_id = (1 << 24) - 1;

class Vocabulary {
 public:
  void reserve(size_t entries, size_t bytes);
  // A name that is there already gets the new id, and the old one keeps the name. 0 <= id <= largest_id.
  void add(std::string_view name, TokenId id) { add(name, id, hash(name, {})); }
  void add(std::string_view name, TokenId id, uint64_t hash);

  std::optional<TokenId> find(std::string_view name) const { return find(name, {}); }
  // The id of two strings in a row.
  std::optional<TokenId> find(std::string_view first, std::string_view second) const {
    return find(hash(first, second), first, second);
  }

  // A look-up waits for memory three times. Those who have many do the steps for all of them one after the other:
  // hash() and fetch_slot(), then fetch_entry(), then fetch_name(), then find().
  static uint64_t hash(std::string_view first, std::string_view second);
  void fetch_slot(uint64_t hash) const;
  void fetch_entry(uint64_t hash) const;
  void fetch_name(uint64_t hash) const;
  std::optional<TokenId> find(uint64_t hash, std::string_view first, std::string_view second) const;
  // Empty for an id without a name.
  std::string_view name(TokenId id) const;
  bool contains(TokenId id) const { return entry_of(id) != none; }

  size_t longest() const { return longest_; }                                     // the bytes of the longest name
  size_t size() const { return entries_.size(); }                                 // names
  TokenId id_limit() const { return static_cast<TokenId>(entry_of_id_.size()); }  // the largest id and one

 private:
  static constexpr uint32_t none = UINT32_MAX;
  struct Entry {
    size_t offset;
    uint32_t length;
    TokenId id;
  };
  struct Slot {
    uint32_t entry = none;
    uint32_t hash = 0;
  };
  uint32_t entry_of(TokenId id) const {
    return id >= 0 && static_cast<size_t>(id) < entry_of_id_.size() ? entry_of_id_[static_cast<size_t>(id)] : none;
  }
  std::string_view text(const Entry& entry) const {
    return std::string_view(bytes_).substr(entry.offset, entry.length);
  }
  void grow(size_t slots);
  uint32_t likely(uint64_t hash) const;
  uint32_t locate(uint64_t hash, std::string_view first, std::string_view second) const;

  std::string bytes_;
  size_t longest_ = 0;
  std::vector<Entry> entries_;
  std::vector<uint32_t> entry_of_id_;
  std::vector<Slot> slots_;  // open addressing, a power of two
};

}  // namespace foretell::tokenization
