// Unigram language model (Kudo 2018, https://arxiv.org/abs/1804.10959): of all ways to put a piece together from the
// vocabulary, the likeliest.
#pragma once

#include <array>

#include "tokenizer/prefix_trie.h"
#include "tokenizer/word_model.h"

namespace foretell::tokenization {

class Unigram : public WordModel {
 public:
  // `scores`: the logarithms of probabilities, by id; NaN for an entry that is not looked for in text.
  // `sentencepiece_unknown`: that of an unknown character as SentencePiece has it, which computes with floats.
  Unigram(Vocabulary vocabulary, std::vector<double> scores, std::optional<TokenId> unknown, bool byte_fallback,
          std::optional<double> sentencepiece_unknown);

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
  bool sentencepiece_;
  double unknown_score_;
  std::array<TokenId, 256> byte_names_;  // of "<0x00>"...; -1 where there is none
  PrefixTrie trie_;
};

std::unique_ptr<Model> make_unigram(const JsonNode& node);

}  // namespace foretell::tokenization
