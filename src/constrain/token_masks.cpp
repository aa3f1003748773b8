#include "constrain/token_masks.h"

#include <algorithm>
#include <utility>

namespace foretell::constrain {
namespace {

constexpr uint32_t longest_completion = 1 << 20;  // bytes that are spelled out
constexpr uint32_t open_character = 3;            // bytes that it lacks at most

constexpr auto never = [](auto...) { return false; };

void set(TokenBits& bits, std::span<const TokenId> ids) {
  for (const TokenId id : ids) bits[static_cast<size_t>(id) / 64] |= uint64_t{1} << (static_cast<size_t>(id) % 64);
}

}  // namespace

TokenMasks::TokenMasks(Recognizer& recognizer, const Vocabulary& vocabulary, std::span<const TokenId> end_ids)
    : recognizer_(recognizer), vocabulary_(vocabulary), end_ids_(end_ids.begin(), end_ids.end()) {
  size_t ids = vocabulary.size();
  for (const TokenId id : end_ids_) ids = std::max(ids, static_cast<size_t>(id) + 1);
  words_ = (ids + 63) / 64;
  run_masks_.resize(recognizer.run_sets().size());
  states_.resize(vocabulary.longest() + 1);
}

size_t TokenMasks::memory() const {
  size_t bytes = near_masks_.size() * (words_ * sizeof(uint64_t) + 128) + completions_.size() * 128;
  return bytes + (far_tokens_.size() + most_tokens_.size()) * 64 + far_ids_ * sizeof(TokenId);
}

void TokenMasks::forget() {
  near_masks_.clear();
  far_tokens_.clear();
  far_ids_ = 0;
  most_tokens_.clear();
  completions_.clear();
}

void TokenMasks::allow_ends(State state, TokenBits& bits) const {
  if (recognizer_.accepts(state)) set(bits, end_ids_);
}

// Tries the nodes from `first` to `end` after states_[depth of first - 1].
// skip(node): its subtree need not be looked at. take(node, state): its whole subtree is allowed behind the state.
// allow(first, end, state, whole): the tokens of the nodes from first to end, behind the state; where `whole` is false
// they go on from there with characters that take() has found allowed.
template <class Skip, class Take, class Allow>
void TokenMasks::walk(const TokenTrie& trie, uint32_t first, uint32_t end, Skip&& skip, Take&& take, Allow&& allow) {
  const std::span<const TokenTrie::Node> nodes = trie.nodes();
  for (uint32_t i = first; i < end;) {
    const TokenTrie::Node& node = nodes[i];
    if (skip(i)) {
      i = node.next;
      continue;
    }
    const State state = recognizer_.next(states_[node.depth - 1UL], node.byte);
    nodes_tried_++;
    if (state == Recognizer::dead) {
      i = node.next;
    } else if (take(i, state)) {
      allow(i, node.next, state, false);
      i = node.next;
    } else {
      if (nodes[i + 1].tokens != node.tokens) allow(i, i + 1, state, true);
      states_[node.depth] = state;
      i++;
    }
  }
}

// All tokens after a state, without shortcuts: allow(tokens, state behind them).
template <class Allow>
void TokenMasks::walk_all(State state, Allow&& allow) {
  states_[0] = state;
  for (const Vocabulary::Part& part : vocabulary_.parts()) {
    const auto tokens_of = [&](uint32_t first, uint32_t end, State after, bool) {
      allow(part.trie.tokens_of(first, end), after);
    };
    walk(part.trie, 1, part.trie.end(), never, never, tokens_of);
  }
}

// The tokens of a part after a state, but for those of the run that is given back, of which all are allowed.
template <class Allow>
const RunTokens* TokenMasks::walk_part(State state, size_t part, Allow&& allow) {
  const Vocabulary::Part& tokens = vocabulary_.parts()[part];
  const RunTokens* run = tokens.plain ? run_allowed(state, part) : nullptr;
  states_[0] = state;
  std::span<const uint32_t> subtrees = run == nullptr ? std::span<const uint32_t>() : run->subtrees();
  const auto skip = [&subtrees](uint32_t node) {
    while (!subtrees.empty() && subtrees.front() < node) subtrees = subtrees.subspan(1);
    return !subtrees.empty() && subtrees.front() == node;
  };
  // Where its tokens are plain, whether all of a subtree go on with characters that may follow the state.
  const RunTokens* of_set = nullptr;
  uint32_t set = UINT32_MAX;
  const auto take = [&](uint32_t node, State after) {
    if (!tokens.plain) return false;
    const Recognizer::Run& next = recognizer_.run(after);
    if (next.characters == 0) return false;
    if (set != next.set) set = next.set, of_set = run_mask(set).parts[part].get();
    const uint32_t behind = of_set->behind(node);
    return behind <= next.characters && behind != 0 && behind != RunTokens::none;
  };
  walk(tokens.trie, 1, tokens.trie.end(), skip, take, allow);
  return run;
}

const TokenMasks::RunMask& TokenMasks::run_mask(uint32_t number) {
  std::unique_ptr<RunMask>& mask = run_masks_[number];
  if (mask) return *mask;
  mask = std::make_unique<RunMask>();
  mask->near.resize(words_);
  const CodePointSet& characters = recognizer_.run_sets()[number].characters;
  for (const Vocabulary::Part& part : vocabulary_.parts()) {
    auto run = part.runs;
    if (part.plain && characters != vocabulary_.plain()) run = std::make_shared<const RunTokens>(part.trie, characters);
    if (part.plain && part.near) set(mask->near, run->tokens());
    mask->parts.push_back(std::move(run));
  }
  return *mask;
}

// The tokens of characters that may follow a state, where that are as many as the longest of them has.
const RunTokens* TokenMasks::run_allowed(State state, size_t part) {
  const Recognizer::Run& run = recognizer_.run(state);
  if (run.characters == 0) return nullptr;
  const RunTokens& tokens = *run_mask(run.set).parts[part];
  return tokens.most() <= run.characters ? &tokens : nullptr;
}

const TokenMasks::Mask& TokenMasks::mask(State state) {
  const NearMask& near = near_mask(state);
  const FarTokens& far = far_tokens(state);
  mask_.bits = near.bits;
  if (far.run != nullptr) set(mask_.bits, far.run->tokens());
  set(mask_.bits, far.ids);
  allow_ends(state, mask_.bits);
  mask_.most_left = far.most_left;
  if (near.most_left != INT64_MIN)
    mask_.most_left = std::max(mask_.most_left, int64_t{recognizer_.ways_cost(state)} + near.most_left);
  return mask_;
}

// The bytes that complete the text after the tokens that walk() allows, at most.
int64_t TokenMasks::left_behind(State after, bool whole) {
  const int64_t here = recognizer_.accepts(after) ? INT64_MIN : int64_t{recognizer_.ways_cost(after)};
  return whole ? here : std::max(here, int64_t{recognizer_.run(after).cost} + open_character);
}

const TokenMasks::NearMask& TokenMasks::near_mask(State state) {
  const auto [known, added] = near_masks_.try_emplace(recognizer_.kind(state));
  NearMask& mask = known->second;
  if (!added) return mask;
  const int64_t ways_cost = recognizer_.ways_cost(state);
  mask.bits.resize(words_);
  for (size_t part = 0; part < vocabulary_.parts().size(); part++) {
    const Vocabulary::Part& tokens = vocabulary_.parts()[part];
    if (!tokens.near) continue;
    const auto allow = [&](uint32_t first, uint32_t end, State after, bool whole) {
      set(mask.bits, tokens.trie.tokens_of(first, end));
      const int64_t left = left_behind(after, whole);
      if (left != INT64_MIN) mask.most_left = std::max(mask.most_left, left - ways_cost);
    };
    if (walk_part(state, part, allow) == nullptr) continue;
    const TokenBits& run = run_mask(recognizer_.run(state).set).near;
    for (size_t word = 0; word < words_; word++) mask.bits[word] |= run[word];
    mask.most_left = std::max(mask.most_left, left_behind(state, false) - ways_cost);
  }
  return mask;
}

const TokenMasks::FarTokens& TokenMasks::far_tokens(State state) {
  const auto [known, added] = far_tokens_.try_emplace(state);
  FarTokens& far = known->second;
  if (!added) return far;
  for (size_t part = 0; part < vocabulary_.parts().size(); part++) {
    const Vocabulary::Part& tokens = vocabulary_.parts()[part];
    if (tokens.near) continue;
    const auto allow = [&](uint32_t first, uint32_t end, State after, bool whole) {
      const auto allowed = tokens.trie.tokens_of(first, end);
      far.ids.insert(far.ids.end(), allowed.begin(), allowed.end());
      far.most_left = std::max(far.most_left, left_behind(after, whole));
    };
    const RunTokens* run = walk_part(state, part, allow);
    if (run == nullptr) continue;
    far.run = run;
    far.most_left = std::max(far.most_left, left_behind(state, false));
  }
  far_ids_ += far.ids.size();
  return far;
}

int64_t TokenMasks::most_tokens(State state) {
  const auto [known, added] = most_tokens_.try_emplace(state, 0);
  if (!added) return known->second;
  int64_t most = 0;
  State last = Recognizer::dead;
  walk_all(state, [&](std::span<const TokenId>, State after) {
    if (std::exchange(last, after) == after) return;
    const auto& tokens = completion(after);
    most = std::max(most, tokens ? static_cast<int64_t>(tokens->size()) : INT64_MAX);
  });
  return known->second = most;
}

void TokenMasks::filter(State state, int64_t left, TokenBits& bits) {
  bits.assign(words_, 0);
  walk_all(state, [&](std::span<const TokenId> tokens, State after) {
    if (can_complete(after, left)) set(bits, tokens);
  });
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
  for (const Vocabulary::Part& part : vocabulary_.parts()) {
    uint32_t node = 0;
    State after = state;
    for (size_t i = 0; i < text.size(); i++) {
      node = part.trie.child(node, static_cast<uint8_t>(text[i]));
      if (node == 0) break;
      after = recognizer_.next(after, static_cast<uint8_t>(text[i]));
    }
    if (node == 0 || after == Recognizer::dead) continue;
    bool found = false;
    states_[text.size()] = after;
    walk(part.trie, node + 1, part.trie.nodes()[node].next, never, never,
         [&](uint32_t, uint32_t, State, bool) { found = true; });
    if (found) return true;
  }
  return false;
}

}  // namespace foretell::constrain
