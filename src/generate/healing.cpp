#include "foretell/healing.h"

#include <algorithm>

#include "constrain/vocabulary.h"

namespace foretell {

using constrain::TokenTrie;

class TokenHealing::Implementation {
 public:
  Implementation(const Tokenizer& tokenizer, std::span<const TokenId> ends)
      : vocabulary_(tokenizer), ends_(ends.begin(), ends.end()) {}

  size_t size() const { return vocabulary_.size(); }
  size_t longest() const { return vocabulary_.longest(); }  // bytes of a token

  // Empty for a token that writes no text.
  std::string_view bytes(TokenId id) const {
    const bool known = id >= 0 && static_cast<size_t>(id) < vocabulary_.size() && !is_end(id);
    return known ? vocabulary_.bytes(id) : std::string_view();
  }

  // take(length, ids): tokens that begin as `rest` does, by how many of its bytes they have. Those of all bytes may be
  // longer than it.
  template <class Take>
  void visit(std::string_view rest, Take&& take) const {
    for (const constrain::Vocabulary::Part& part : vocabulary_.parts()) {
      const TokenTrie& trie = part.trie;
      uint32_t node = 0;
      for (size_t length = 1; length <= rest.size(); length++) {
        node = trie.child(node, static_cast<uint8_t>(rest[length - 1]));
        if (node == 0) break;
        const bool whole = length == rest.size();
        for (const TokenId id : trie.tokens_of(node, whole ? trie.nodes()[node].next : node + 1))
          if (!is_end(id)) take(length, id);
      }
    }
  }

  // For each place in `rest`, whether tokens can write what comes from there on.
  std::vector<bool> can_be_written(std::string_view rest) const {
    std::vector<bool> from(rest.size() + 1, false);
    from[rest.size()] = true;
    for (size_t at = rest.size(); at-- > 0;)
      visit(rest.substr(at), [&](size_t length, TokenId) { from[at] = from[at] || from[at + length]; });
    return from;
  }

 private:
  bool is_end(TokenId id) const { return std::find(ends_.begin(), ends_.end(), id) != ends_.end(); }

  const constrain::Vocabulary vocabulary_;
  const std::vector<TokenId> ends_;
};

TokenHealing::TokenHealing(const Tokenizer& tokenizer, std::span<const TokenId> end_ids)
    : implementation_(std::make_unique<const Implementation>(tokenizer, end_ids)) {}
TokenHealing::~TokenHealing() = default;

TakenBack TokenHealing::take_back(std::vector<TokenId>& prompt) const {
  TakenBack taken{.ids = {}, .bytes = {}, .healing = this};
  std::string end;
  size_t kept = prompt.size();
  for (size_t at = prompt.size(); at-- > 1;) {
    const std::string_view bytes = implementation_->bytes(prompt[at]);
    end.insert(0, bytes);
    if (bytes.empty() || end.size() >= implementation_->longest()) break;
    bool longer = false;
    implementation_->visit(
        end, [&](size_t, TokenId id) { longer = longer || implementation_->bytes(id).size() > end.size(); });
    if (longer) kept = at, taken.bytes = end;
  }
  taken.ids.assign(prompt.begin() + static_cast<std::ptrdiff_t>(kept), prompt.end());
  prompt.resize(kept);
  return taken;
}

void TokenHealing::allow(std::string_view rest, std::vector<uint64_t>& bits) const {
  bits.assign((implementation_->size() + 63) / 64, 0);
  const std::vector<bool> from = implementation_->can_be_written(rest);
  implementation_->visit(rest, [&](size_t length, TokenId id) {
    if (from[length]) bits[static_cast<size_t>(id) / 64] |= uint64_t{1} << (static_cast<size_t>(id) % 64);
  });
}

std::string_view TokenHealing::rest_after(std::string_view rest, TokenId id) const {
  return rest.substr(std::min(rest.size(), implementation_->bytes(id).size()));
}

std::string_view TokenHealing::rest_after(std::string_view rest, std::span<const TokenId> ids) const {
  for (const TokenId id : ids) rest = rest_after(rest, id);
  return rest;
}

}  // namespace foretell
