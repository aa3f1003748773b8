#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace foretell::tokenization {

void Vocabulary::reserve(size_t entries, size_t bytes) {
  bytes_.reserve(bytes);
  entries_.reserve(entries);
  entry_of_id_.reserve(entries);
  grow(std::bit_ceil(entries / 3 * 4 + 16));
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

void Vocabulary::add(std::string_view name, TokenId id, uint64_t hash) {
  if ((entries_.size() + 1) * 4 > slots_.size() * 3) grow(std::bit_ceil(entries_.size() * 2 + 16));
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

uint64_t Vocabulary::hash(std::string_view first, std::string_view second) {
  if (second.empty()) return hash_bytes(first);
  if (first.empty()) return hash_bytes(second);
  char buffer[256];
  if (first.size() + second.size() > sizeof buffer) return hash_bytes(std::string(first).append(second));
  std::memcpy(buffer, first.data(), first.size());
  std::memcpy(buffer + first.size(), second.data(), second.size());
  return hash_bytes({buffer, first.size() + second.size()});
}

// The entry whose hash is the same, which is almost always the right one.
uint32_t Vocabulary::likely(uint64_t hash) const {
  if (slots_.empty()) return none;
  const auto tag = static_cast<uint32_t>(hash);
  size_t at = tag & (slots_.size() - 1);
  while (slots_[at].entry != none && slots_[at].hash != tag) at = (at + 1) & (slots_.size() - 1);
  return slots_[at].entry;
}

void Vocabulary::fetch_slot(uint64_t hash) const {
  if (!slots_.empty()) __builtin_prefetch(&slots_[static_cast<uint32_t>(hash) & (slots_.size() - 1)]);
}

void Vocabulary::fetch_entry(uint64_t hash) const {
  if (const uint32_t entry = likely(hash); entry != none) __builtin_prefetch(&entries_[entry]);
}

void Vocabulary::fetch_name(uint64_t hash) const {
  if (const uint32_t entry = likely(hash); entry != none) __builtin_prefetch(bytes_.data() + entries_[entry].offset);
}

std::optional<TokenId> Vocabulary::find(uint64_t hash, std::string_view first, std::string_view second) const {
  const uint32_t entry = locate(hash, first, second);
  if (entry == none) return std::nullopt;
  return entries_[entry].id;
}

std::string_view Vocabulary::name(TokenId id) const {
  const uint32_t entry = entry_of(id);
  return entry == none ? std::string_view() : text(entries_[entry]);
}

}  // namespace foretell::tokenization
