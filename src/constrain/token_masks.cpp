#include "constrain/token_masks.h"

#include <algorithm>
#include <utility>

namespace foretell::constrain {
namespace {

constexpr uint32_t longest_completion = 1 << 20;  // bytes that are spelled out
constexpr uint32_t open_character = 3;            // bytes that it lacks at most

void set(TokenBits& bits, std::span<const TokenId> ids) {
  for (const TokenId id : ids) bits[static_cast<size_t>(id) / 64] |= uint64_t{1} << (static_cast<size_t>(id) % 64);
}

}  // namespace

TokenMasks::TokenMasks(Recognizer& recognizer, const Vocabulary& vocabulary, std::span<const TokenId> end_ids)
    : recognizer_(recognizer), vocabulary_(vocabulary), end_ids_(end_ids.begin(), end_ids.end()) {
  size_t ids = vocabulary.size();
  for (const TokenId id : end_ids_) ids = std::max(ids, static_cast<size_t>(id) + 1);
  words_ = (ids + 63) / 64;
  plain_bits_.resize(words_);
  set(plain_bits_, vocabulary.plain().tokens());
  states_.resize(vocabulary.longest() + 1);
}

void TokenMasks::allow_ends(State state, TokenBits& bits) const {
  if (recognizer_.accepts(state)) set(bits, end_ids_);
}

// Tries the nodes from `first` to `end` after states_[depth of first - 1]. `plain`: the trie holds plain tokens alone,
// and a whole subtree may be allowed where the state takes so many plain characters.
// allow(first, end, state, left): the tokens of the nodes from first to end; `left` bytes complete the text after each.
template <class Allow>
void TokenMasks::walk(const TokenTrie& trie, uint32_t first, uint32_t end, bool plain, Allow&& allow) {
  const std::span<const TokenTrie::Node> nodes = trie.nodes();
  for (uint32_t i = first; i < end;) {
    const TokenTrie::Node& node = nodes[i];
    const State state = recognizer_.next(states_[node.depth - 1UL], node.byte);
    if (state == Recognizer::dead) {
      i = node.next;
    } else if (plain && node.characters > 0 && recognizer_.plain(state) >= node.characters && node.characters != 255) {
      allow(i, node.next, state, std::max(recognizer_.cost(state), recognizer_.plain_cost(state) + open_character));
      i = node.next;
    } else {
      if (nodes[i + 1].tokens != node.tokens) allow(i, i + 1, state, recognizer_.cost(state));
      states_[node.depth] = state;
      i++;
    }
  }
}

TokenMasks::Mask& TokenMasks::find_mask(State state) {
  std::unique_ptr<Mask>& known = masks_[state];
  if (known) return *known;
  auto mask = std::make_unique<Mask>();
  const TokenTrie &plain = vocabulary_.plain(), &other = vocabulary_.other();
  const auto end_of = [](const TokenTrie& trie) { return static_cast<uint32_t>(trie.nodes().size() - 1); };
  states_[0] = state;
  const uint32_t characters = plain.nodes()[0].characters;
  const bool all_plain = recognizer_.plain(state) >= characters && characters != 255;
  if (all_plain) {
    mask->bits = plain_bits_;
    mask->most_left = recognizer_.plain_cost(state) + open_character;
  } else {
    mask->bits.resize(words_);
  }
  for (const TokenTrie* trie : {&plain, &other}) {
    if (trie == &plain && all_plain) continue;
    walk(*trie, 1, end_of(*trie), trie == &plain, [&](uint32_t first, uint32_t end, State, uint32_t left) {
      set(mask->bits, trie->tokens_of(first, end));
      mask->most_left = std::max(mask->most_left, left);
    });
  }
  allow_ends(state, mask->bits);
  known = std::move(mask);
  return *known;
}

int64_t TokenMasks::most_tokens(State state) {
  Mask& mask = find_mask(state);
  if (mask.most_tokens) return *mask.most_tokens;
  int64_t most = 0;
  State last = Recognizer::dead;
  states_[0] = state;
  for (const TokenTrie* trie : {&vocabulary_.plain(), &vocabulary_.other()}) {
    const auto end = static_cast<uint32_t>(trie->nodes().size() - 1);
    walk(*trie, 1, end, false, [&](uint32_t, uint32_t, State after, uint32_t) {
      if (std::exchange(last, after) == after) return;
      const auto& tokens = completion(after);
      most = std::max(most, tokens ? static_cast<int64_t>(tokens->size()) : INT64_MAX);
    });
  }
  mask.most_tokens = most;
  return most;
}

void TokenMasks::filter(State state, int64_t left, TokenBits& bits) {
  bits.assign(words_, 0);
  states_[0] = state;
  for (const TokenTrie* trie : {&vocabulary_.plain(), &vocabulary_.other()}) {
    const auto end = static_cast<uint32_t>(trie->nodes().size() - 1);
    walk(*trie, 1, end, false, [&](uint32_t first, uint32_t last, State after, uint32_t) {
      if (can_complete(after, left)) set(bits, trie->tokens_of(first, last));
    });
  }
  allow_ends(state, bits);
}

const std::optional<std::vector<TokenId>>& TokenMasks::completion(State state) {
  const auto [known, added] = completions_.try_emplace(state);
  if (added && recognizer_.cost(state) <= longest_completion)
    known->second = vocabulary_.fewest(recognizer_.shortest(state));
  return known->second;
}

bool TokenMasks::can_complete(State state, int64_t left) {
  const auto cost = static_cast<int64_t>(recognizer_.cost(state));
  if (cost == 0) return left >= 0;
  if (left <= 0 || (cost - 1) / static_cast<int64_t>(vocabulary_.longest()) + 1 > left) return false;
  const auto& tokens = completion(state);
  return tokens && static_cast<int64_t>(tokens->size()) <= left;
}

bool TokenMasks::reaches_beyond(State state, std::string_view text) {
  for (const TokenTrie* trie : {&vocabulary_.plain(), &vocabulary_.other()}) {
    uint32_t node = 0;
    State after = state;
    for (size_t i = 0; i < text.size(); i++) {
      node = trie->child(node, static_cast<uint8_t>(text[i]));
      if (node == 0) break;
      after = recognizer_.next(after, static_cast<uint8_t>(text[i]));
    }
    if (node == 0 || after == Recognizer::dead) continue;
    bool found = false;
    states_[text.size()] = after;
    walk(*trie, node + 1, trie->nodes()[node].next, false, [&](uint32_t, uint32_t, State, uint32_t) { found = true; });
    if (found) return true;
  }
  return false;
}

}  // namespace foretell::constrain
