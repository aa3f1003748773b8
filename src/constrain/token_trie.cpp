#include "constrain/token_trie.h"

#include <algorithm>

#include "tokenizer/utf8.h"

namespace foretell::constrain {
namespace {

// The first eight bytes as a number that sorts as they do.
uint64_t sort_key(std::string_view bytes) {
  uint64_t key = 0;
  for (size_t i = 0; i < 8; i++) key = key << 8 | (i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0);
  return key;
}

}  // namespace

TokenTrie::TokenTrie(std::vector<Entry> entries) {
  struct Sorted {
    uint64_t key;
    uint32_t entry;
  };
  std::vector<Sorted> order(entries.size());
  size_t bytes = 0;
  for (uint32_t i = 0; i < entries.size(); i++)
    order[i] = {sort_key(entries[i].bytes), i}, bytes += entries[i].bytes.size();
  std::sort(order.begin(), order.end(), [&](const Sorted& a, const Sorted& b) {
    if (a.key != b.key) return a.key < b.key;
    const int compared = entries[a.entry].bytes.compare(entries[b.entry].bytes);
    return compared != 0 ? compared < 0 : entries[a.entry].id < entries[b.entry].id;
  });
  nodes_.reserve(bytes / 2 + 2);
  tokens_.reserve(entries.size());
  nodes_.push_back({});
  std::vector<uint32_t> open = {0};  // the way to the last node
  const auto close_to = [&](size_t depth) {
    for (; open.size() > depth + 1; open.pop_back()) nodes_[open.back()].next = static_cast<uint32_t>(nodes_.size());
  };
  std::string_view last;
  for (const Sorted& sorted : order) {
    const Entry& entry = entries[sorted.entry];
    const auto common = static_cast<size_t>(
        std::mismatch(last.begin(), last.end(), entry.bytes.begin(), entry.bytes.end()).first - last.begin());
    close_to(common);
    for (size_t depth = common; depth < entry.bytes.size(); depth++) {
      open.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({.tokens = static_cast<uint32_t>(tokens_.size()),
                        .depth = static_cast<uint16_t>(depth + 1),
                        .byte = static_cast<uint8_t>(entry.bytes[depth])});
      if (nodes_.back().byte >= 0x80) note_character(entry.bytes, depth + 1);
    }
    tokens_.push_back(entry.id);
    height_ = std::max(height_, static_cast<uint32_t>(entry.bytes.size()));
    last = entry.bytes;
  }
  close_to(0);
  nodes_[0].next = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({.tokens = static_cast<uint32_t>(tokens_.size())});
  for (uint32_t i = 1; i < nodes_[0].next; i = nodes_[i].next) first_[nodes_[i].byte] = i;
}

// At the last node, which stands for the token's first `end` bytes.
void TokenTrie::note_character(std::string_view token, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && end - begin < 4 && tokenization::is_continuation(token[begin])) begin--;
  const size_t length = tokenization::character_length(token[begin]), left = length - std::min(length, end - begin);
  if (left > 0 && end < token.size()) return;
  constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};  // that is written in so many bytes
  uint32_t bits = static_cast<uint8_t>(token[begin]) & (0x7fU >> length);
  for (size_t i = begin + 1; i < end; i++) bits = bits << 6 | (static_cast<uint8_t>(token[i]) & 0x3fU);
  const uint32_t first = bits << 6 * left, last = first | ((1U << 6 * left) - 1);
  characters_.push_back({static_cast<uint32_t>(nodes_.size() - 1), std::max(first, least[length]), last});
}

uint32_t TokenTrie::child(uint32_t node, uint8_t byte) const {
  if (node == 0) return first_[byte];
  for (uint32_t i = node + 1; i < nodes_[node].next; i = nodes_[i].next) {
    if (nodes_[i].byte == byte) return i;
    if (nodes_[i].byte > byte) break;
  }
  return 0;
}

}  // namespace foretell::constrain
