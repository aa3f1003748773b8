#include "tokenizer/prefix_trie.h"

#include <bit>
#include <utility>

#include "base/hash.h"

namespace foretell::tokenization {

void PrefixTrie::reserve(size_t nodes) {
  ids_.reserve(nodes);
  grow(std::bit_ceil(nodes * 2));
}

size_t PrefixTrie::locate(uint64_t key) const {
  const size_t mask = slots_.size() - 1;
  size_t at = fold(key, 0x9e3779b97f4a7c15) & mask;
  while (slots_[at].child != nowhere && slots_[at].key != key) at = (at + 1) & mask;
  return at;
}

void PrefixTrie::grow(size_t slots) {
  if (slots <= slots_.size()) return;
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots));
  for (const Slot& slot : old) {
    if (slot.child != nowhere) slots_[locate(slot.key)] = slot;
  }
}

void PrefixTrie::add(std::string_view text, TokenId id) {
  uint32_t node = root;
  for (char byte : text) {
    if ((ids_.size() + 1) * 2 > slots_.size()) grow(std::bit_ceil(ids_.size() * 4 + 16));
    const uint64_t key = static_cast<uint64_t>(node) << 8 | static_cast<unsigned char>(byte);
    Slot& slot = slots_[locate(key)];
    if (slot.child == nowhere) {
      slot = {key, static_cast<uint32_t>(ids_.size())};
      ids_.push_back(-1);
    }
    node = slot.child;
  }
  ids_[node] = id;
}

uint32_t PrefixTrie::child(uint32_t node, char byte) const {
  if (slots_.empty()) return nowhere;
  return slots_[locate(static_cast<uint64_t>(node) << 8 | static_cast<unsigned char>(byte))].child;
}

PrefixTrie::Found PrefixTrie::longest(std::string_view text) const {
  Found found{0, -1};
  uint32_t node = root;
  for (size_t i = 0; i < text.size(); ++i) {
    node = child(node, text[i]);
    if (node == nowhere) break;
    if (id(node) >= 0) found = {i + 1, id(node)};
  }
  return found;
}

}  // namespace foretell::tokenization
