// The tokens of a tokenizer as bytes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "constrain/code_points.h"
#include "constrain/run_tokens.h"
#include "constrain/token_trie.h"
#include "foretell/tokenizer.h"

namespace foretell::constrain {

class Vocabulary {
 public:
  explicit Vocabulary(const Tokenizer& tokenizer);

  size_t size() const { return offsets_.size() - 1; }  // ids
  // Empty for special tokens, which write no text.
  std::string_view bytes(TokenId id) const {
    const auto i = static_cast<size_t>(id);
    return std::string_view(text_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }
  size_t longest() const { return longest_; }  // bytes

  // Characters that can be written: by a token of their own, or byte by byte.
  const CodePointSet& characters() const { return characters_; }
  // All tokens, in four parts.
  struct Part {
    bool plain;  // they are of plain characters alone (plain_characters()), of which the last may be open
    bool near;   // they have at most Recognizer::near bytes
    TokenTrie trie;
    std::shared_ptr<const RunTokens> runs = {};  // of a plain part: against plain()
  };
  // Plain characters that can be written.
  const CodePointSet& plain() const { return plain_; }
  const std::vector<Part>& parts() const { return parts_; }

  // The tokens that the tokenizer makes of the text, wherever it stands.
  std::vector<TokenId> encode(std::string_view text) const;
  // The fewest tokens that make up the text; none where there are none.
  std::optional<std::vector<TokenId>> fewest(std::string_view text) const;

 private:
  void find_characters();
  bool spells(std::span<const TokenId> ids, std::string_view text) const;

  const Tokenizer& tokenizer_;
  std::string text_;
  std::vector<size_t> offsets_;  // [ids + 1] into text_
  size_t longest_ = 0;
  CodePointSet characters_, plain_;
  std::vector<Part> parts_;
};

}  // namespace foretell::constrain
