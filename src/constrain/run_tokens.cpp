#include "constrain/run_tokens.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tokenizer/utf8.h"

namespace foretell::constrain {
namespace {

// Of a node.
enum : uint8_t {
  ends = 1,    // a character ends here
  misfits = 2  // it is not of the set, or that in which a token ends here cannot become one
};
constexpr uint8_t all_fit = 0x80;  // from this node on

bool begins_character(const TokenTrie::Node& node) {
  return !tokenization::is_continuation(static_cast<char>(node.byte));
}

}  // namespace

RunTokens::RunTokens(const TokenTrie& trie, const CodePointSet& set) : nodes_(trie.nodes().size()) {
  const Fits fits = fit_characters(trie, set);
  count_behind(trie, fits);
  find_tokens(trie, fits);
}

RunTokens::Fits RunTokens::fit_characters(const TokenTrie& trie, const CodePointSet& set) {
  std::array<uint8_t, 0x100> ascii{};
  for (char32_t c = 0; c < 0x80; c++) ascii[c] = set.contains(c) ? ends : ends | misfits;
  Fits result(trie.nodes().size());
  for (uint32_t i = 1; i < trie.end(); i++) result[i] = ascii[trie.nodes()[i].byte];
  // Many characters are looked up, of which each is mostly near the one before.
  const std::vector<CodePointRange>& ranges = set.ranges();
  size_t at = 0;
  for (const TokenTrie::Character& c : trie.characters()) {
    const auto is_before = [&c](const CodePointRange& range) { return range.last < c.first; };
    const bool is_here = (at == 0 || is_before(ranges[at - 1])) && (at == ranges.size() || !is_before(ranges[at]));
    if (!is_here)
      at = static_cast<size_t>(std::partition_point(ranges.begin(), ranges.end(), is_before) - ranges.begin());
    const bool fits = at < ranges.size() && ranges[at].first <= c.last;
    result[c.node] = static_cast<uint8_t>((c.first == c.last ? ends : 0) | (fits ? 0 : misfits));
  }
  return result;
}

// From the last node to the first, so that what lies behind a node is known when it is come to.
void RunTokens::count_behind(const TokenTrie& trie, const Fits& fits) {
  struct Children {  // of a node, as far as they have been seen
    bool fit = true;
    uint32_t characters = 0;  // that begin there or behind them
  };
  std::vector<Children> open(trie.height() + 2UL);  // by depth
  for (uint32_t i = trie.end(); i-- > 1;) {
    const TokenTrie::Node& node = trie.nodes()[i];
    const Children children = std::exchange(open[node.depth + 1UL], {});
    const bool counts = children.fit && (fits[i] & ends) != 0 && children.characters < none;
    const bool fit = children.fit && (fits[i] & misfits) == 0;
    nodes_[i] = static_cast<uint8_t>((fit ? all_fit : 0) | (counts ? children.characters : none));
    Children& siblings = open[node.depth];
    siblings.fit = siblings.fit && fit;
    siblings.characters = std::max(siblings.characters, children.characters + (begins_character(node) ? 1 : 0));
  }
}

void RunTokens::find_tokens(const TokenTrie& trie, const Fits& fits) {
  std::vector<uint32_t> characters(trie.height() + 1UL);  // up to the node of each depth
  for (uint32_t i = 1; i < trie.end();) {
    const TokenTrie::Node& node = trie.nodes()[i];
    if ((fits[i] & misfits) != 0) {
      i = node.next;
      continue;
    }
    const uint32_t here = characters[node.depth - 1UL] + (begins_character(node) ? 1 : 0);
    const bool is_leaf = node.next == i + 1;
    const bool all = (nodes_[i] & all_fit) != 0 && (is_leaf || behind(i) != none);
    const uint32_t end = all ? node.next : i + 1;
    const std::span<const TokenId> found = trie.tokens_of(i, end);
    tokens_.insert(tokens_.end(), found.begin(), found.end());
    if (!found.empty()) most_ = std::max(most_, here + (is_leaf || !all ? 0 : behind(i)));
    if (all) subtrees_.push_back(i);
    characters[node.depth] = here;
    i = end;
  }
}

}  // namespace foretell::constrain
