#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <bit>

#include "tokenizer/hash.h"

namespace foretell::tokenization {

void Vocabulary::reserve(size_t entries, size_t bytes) {
  bytes_.reserve(bytes);
  entries_.reserve(entries);
  entry_of_id_.reserve(entries);
  grow(std::bit_ceil(entries * 2 + 16));
}

void Vocabulary::grow(size_t slots) {
  if (slots <= slots_.size()) return;
  slots_.assign(slots, {});
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    const auto hash = static_cast<uint32_t>(hash_bytes(text(entries_[i])));
    size_t at = hash & (slots - 1);
    while (slots_[at].entry != none) at = (at + 1) & (slots - 1);
    slots_[at] = {i, hash};
  }
}

uint32_t Vocabulary::locate(uint64_t hash, std::string_view first, std::string_view second) const {
  if (slots_.empty()) return none;
  const auto tag = static_cast<uint32_t>(hash);
  for (size_t at = tag & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot slot = slots_[at];
    if (slot.entry == none) return none;
    if (slot.hash != tag) continue;
    const std::string_view name = text(entries_[slot.entry]);
    if (name.size() == first.size() + second.size() && name.starts_with(first) && name.ends_with(second)) {
      return slot.entry;
    }
  }
}

void Vocabulary::add(std::string_view name, TokenId id) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow(std::bit_ceil(entries_.size() * 4 + 16));
  const uint64_t hash = hash_bytes(name);
  uint32_t entry = locate(hash, name, {});
  if (entry == none) {
    entry = static_cast<uint32_t>(entries_.size());
    longest_ = std::max(longest_, name.size());
    entries_.push_back({bytes_.size(), static_cast<uint32_t>(name.size()), id});
    bytes_ += name;
    size_t at = static_cast<uint32_t>(hash) & (slots_.size() - 1);
    while (slots_[at].entry != none) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {entry, static_cast<uint32_t>(hash)};
  } else {
    entries_[entry].id = id;
  }
  if (static_cast<size_t>(id) >= entry_of_id_.size()) entry_of_id_.resize(static_cast<size_t>(id) + 1, none);
  entry_of_id_[static_cast<size_t>(id)] = entry;
}

std::optional<TokenId> Vocabulary::find(std::string_view first, std::string_view second) const {
  uint64_t hash = 0;
  if (second.empty()) {
    hash = hash_bytes(first);
  } else {
    char buffer[256];
    if (first.size() + second.size() <= sizeof buffer) {
      std::memcpy(buffer, first.data(), first.size());
      std::memcpy(buffer + first.size(), second.data(), second.size());
      hash = hash_bytes({buffer, first.size() + second.size()});
    } else {
      hash = hash_bytes(std::string(first).append(second));
    }
  }
  const uint32_t entry = locate(hash, first, second);
  if (entry == none) return std::nullopt;
  return entries_[entry].id;
}

std::string_view Vocabulary::name(TokenId id) const {
  const uint32_t entry = entry_of(id);
  return entry == none ? std::string_view() : text(entries_[entry]);
}

}  // namespace foretell::tokenization
