// Byte pair encoding (Sennrich et al. 2016, https://aclanthology.org/P16-1162): a piece starts as characters, and the
// pair of neighbours that stands first in the list of merges is joined until there is none.
#pragma once

#include <array>
#include <optional>

#include "tokenizer/merge_table.h"
#include "tokenizer/prefix_trie.h"
#include "tokenizer/word_model.h"

namespace foretell::tokenization {

struct BpeOptions {
  std::string unknown_token;  // "unk_token"; what stands for a character that the vocabulary lacks
  bool has_unknown_token = false;
  std::string prefix;  // "continuing_subword_prefix": before all characters but the first
  std::string suffix;  // "end_of_word_suffix": behind the last character
  bool fuse_unknown = false;
  bool byte_fallback = false;  // a character that is not there becomes its bytes, "<0xE2>"
  bool ignore_merges = false;  // a piece that is in the vocabulary is one token, whatever the merges would make
  bool byte_level = false;     // pieces are bytes, names spell them in the byte alphabet
  PrefixTrie atoms;            // strings that are tokens wherever they stand (SentencePiece's user-defined pieces)
};

class Bpe : public WordModel {
 public:
  Bpe(Vocabulary vocabulary, MergeTable merges, BpeOptions options);

  std::unique_ptr<ModelWorkspace> make_workspace() const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::string summary() const override;

 protected:
  void encode(std::string_view text, WordWorkspace& workspace) const override;

 private:
  struct Workspace;
  void begin_with_bytes(std::string_view text, Workspace& work) const;
  void begin_with_characters(std::string_view text, bool spelled, Workspace& work) const;
  void merge(Workspace& work) const;
  void merge_short(Workspace& work) const;
  void merge_long(Workspace& work) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  BpeOptions options_;
  std::array<TokenId, 256> byte_ids_;    // of the byte alphabet's characters; -1 where there is none
  std::array<TokenId, 256> byte_names_;  // of "<0x00>"...
  bool all_bytes_ = false;               // byte_ids_ has all
  std::optional<TokenId> unknown_;
};

std::unique_ptr<Model> make_bpe(const JsonNode& node, bool byte_level);

}  // namespace foretell::tokenization
