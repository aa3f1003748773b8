// tokenizer.json's "added_tokens": tokens that are looked for in the text as they are, before the model reads the rest.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/json_node.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/text.h"
#include "tokenizer/vocabulary.h"

namespace foretell::tokenization {

struct AddedToken {
  std::string content;
  bool single_word = false;  // only where no letter or digit touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it
  bool normalized = true;    // looked for, in normalized form, in the normalized text
  bool special = false;      // left out of decoded text on demand
};

// The longest of some strings that begins at a place.
class StringMatcher {
 public:
  struct Found {
    size_t begin, end;
    TokenId id;
  };
  // Strings must not be empty; of several equal ones the first counts.
  void add(std::string text, TokenId id) { entries_.push_back({std::move(text), id}); }
  void finish();
  bool empty() const { return entries_.empty(); }
  // The first place at `from` or behind it where one begins that is accepted; without `accept` (null) all are.
  using Accept = FunctionRef<bool(const Found&)>;
  bool find(std::string_view text, size_t from, Found& found, const Accept* accept = nullptr) const;

 private:
  struct Entry {
    std::string text;
    TokenId id;
  };
  struct Range {
    uint32_t begin = 0, end = 0;
  };
  std::vector<Entry> entries_;       // sorted
  std::array<Range, 256> by_first_;  // the entries that begin with a byte
};

// Where special tokens are looked for.
struct SpecialParsing {
  bool anywhere = true;
  std::span<const Origin> plain = {};  // not in these ranges of the input, which are in order
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // As the reference does it, ids are those of the model's vocabulary where the content is in it, and else follow from
  // its size on, whatever the file says.
  AddedTokens(std::vector<AddedToken> tokens, const Vocabulary& model, const Normalizer* normalizer);

  // Cuts the text at the tokens that are looked for before (`normalized` false) or after normalization. `on_token` gets
  // the token, with the white space that it takes; `on_text` what lies between.
  using OnToken = FunctionRef<void(TokenId id, const Piece& piece)>;
  void cut(const Piece& piece, bool normalized, const SpecialParsing& special, OnToken on_token,
           PieceSink on_text) const;

  std::optional<TokenId> find(std::string_view content) const { return names_.find(content); }
  bool contains(TokenId id) const { return index(id) >= 0; }
  const AddedToken& token(TokenId id) const { return tokens_[static_cast<size_t>(index(id))]; }
  // What the decoder gets: the normalized form, where normalization changes it.
  const std::string& decoded_name(TokenId id) const { return decoded_[static_cast<size_t>(index(id))]; }
  bool is_special(TokenId id) const { return contains(id) && special_.find(token(id).content).has_value(); }
  // Whether decoding can leave it out; the reference asks for the name that the decoder gets.
  bool is_skipped(TokenId id) const { return contains(id) && special_.find(decoded_name(id)).has_value(); }

  size_t special_count() const { return special_.size(); }
  TokenId id_limit() const { return static_cast<TokenId>(index_of_id_.size()); }

 private:
  int32_t index(TokenId id) const {
    return id >= 0 && static_cast<size_t>(id) < index_of_id_.size() ? index_of_id_[static_cast<size_t>(id)] : -1;
  }

  std::vector<AddedToken> tokens_;
  std::vector<std::string> decoded_;       // one for each token
  std::vector<int32_t> index_of_id_;       // into tokens_; -1
  Vocabulary names_;                       // content to id
  Vocabulary special_;                     // the contents of special tokens
  std::array<StringMatcher, 2> matchers_;  // before and after normalization
};

// Throws Error.
std::vector<AddedToken> read_added_tokens(const JsonNode& node);

}  // namespace foretell::tokenization
