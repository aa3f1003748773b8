// The four kinds of tokenizer that GGUF knows, as the components of a tokenizer.json.
#pragma once

#include <nlohmann/json.hpp>
#include <utility>

#include "checkpoint/gguf_tokenizer_keys.h"

namespace foretell::gguf {

using OrderedJson = nlohmann::ordered_json;
using Merge = std::pair<std::string_view, std::string_view>;

// The parts that differ between the kinds.
struct Pipeline {
  OrderedJson normalizer, pre_tokenizer, decoder;
  OrderedJson model;                                                   // without vocab and merges
  enum class Vocabulary { Ids, Scores } vocabulary = Vocabulary::Ids;  // {"text": id}, or [["text", score]]
  std::optional<std::vector<Merge>> merges;
  bool adds_bos = false, adds_eos = false, adds_separator = false;  // unless the file says otherwise
  std::vector<std::string> texts;                                   // of tokens that are written otherwise here
};

// "gpt2": byte-level BPE, or SentencePiece's BPE with merges instead of scores ("gemma4"), by tokenizer.ggml.pre.
Pipeline merge_pipeline(const TokenizerKeys& keys, const std::vector<Token>& tokens, const std::string& pre,
                        std::optional<int64_t> unknown);
// "llama": SentencePiece's BPE, whose scores become merges.
Pipeline score_pipeline(const TokenizerKeys& keys, std::vector<Token>& tokens, const Vocabulary& ids,
                        std::optional<int64_t> unknown);
// "t5": SentencePiece's unigram model.
Pipeline unigram_pipeline(const TokenizerKeys& keys, std::vector<Token>& tokens, std::optional<int64_t> unknown);
// "bert": WordPiece. Tokens that begin a word are written with "▁" in front; here those that do not have "##".
Pipeline wordpiece_pipeline(const TokenizerKeys& keys, std::vector<Token>& tokens, std::optional<int64_t> unknown);

}  // namespace foretell::gguf
