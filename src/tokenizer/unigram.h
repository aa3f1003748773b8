// Unigram language model (Kudo 2018, https://arxiv.org/abs/1804.10959): of all ways to put a piece together from the
// vocabulary, the likeliest.
#pragma once

#include <array>

#include "tokenizer/word_model.h"

namespace foretell::tokenization {

// Strings by their prefixes: a node for each.
class PrefixTrie {
 public:
  static constexpr uint32_t root = 0, nowhere = UINT32_MAX;
  PrefixTrie() : ids_(1, -1) {}
  void reserve(size_t nodes);
  void add(std::string_view text, TokenId id);
  uint32_t child(uint32_t node, char byte) const;
  TokenId id(uint32_t node) const { return ids_[node]; }  // -1 where no string ends

 private:
  struct Slot {
    uint64_t key = UINT64_MAX;  // node and byte
    uint32_t child = nowhere;
  };
  void grow(size_t slots);
  size_t locate(uint64_t key) const;

  std::vector<Slot> slots_;  // open addressing, a power of two
  std::vector<TokenId> ids_;
};

class Unigram : public WordModel {
 public:
  // `scores`: the logarithms of probabilities, by id.
  Unigram(Vocabulary vocabulary, std::vector<double> scores, std::optional<TokenId> unknown, bool byte_fallback);

  std::unique_ptr<ModelWorkspace> make_workspace() const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::string summary() const override { return "Unigram"; }

 protected:
  void encode(std::string_view text, WordWorkspace& workspace) const override;

 private:
  struct Workspace;
  void find_best_path(std::string_view text, Workspace& work) const;
  void append_token(std::string_view text, TokenId id, std::vector<Symbol>& symbols) const;
  [[noreturn]] static void fail_unknown();

  Vocabulary vocabulary_;
  std::vector<double> scores_;
  std::optional<TokenId> unknown_;
  bool byte_fallback_;
  double unknown_score_;
  std::array<TokenId, 256> byte_names_;  // of "<0x00>"...; -1 where there is none
  PrefixTrie trie_;
};

std::unique_ptr<Model> make_unigram(const JsonNode& node);

}  // namespace foretell::tokenization
