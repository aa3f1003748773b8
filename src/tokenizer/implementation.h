// The parts of a tokenizer.json put together.
#pragma once

#include "foretell/tokenizer.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/decoder.h"
#include "tokenizer/model.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/workspaces.h"

namespace foretell {

class Tokenizer::Implementation {
 public:
  explicit Implementation(const tokenization::JsonNode& root);

  // No special token that has bytes of `plain` is recognized; its ranges are in order.
  using PlainRanges = std::span<const tokenization::Origin>;
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options, PlainRanges plain = {}) const;
  std::vector<TokenSpan> encode_with_offsets(std::string_view text, EncodeOptions options,
                                             PlainRanges plain = {}) const;

  std::string_view name(TokenId id) const;
  // What the decoder gets for an id; nothing for an unknown one.
  std::optional<std::string_view> decoded_name(TokenId id) const;
  std::optional<TokenId> find(std::string_view name) const;
  TokenId id_limit() const;
  std::string summary() const;
  const tokenization::AddedTokens& added() const { return added_; }
  const tokenization::Decoder& decoder() const { return decoder_; }

 private:
  template <typename Token>  // a TokenId, or a TokenSpan
  void run(std::string_view text, EncodeOptions options, PlainRanges plain, std::vector<Token>& tokens) const;

  std::unique_ptr<tokenization::Normalizer> normalizer_;  // null: none
  tokenization::PreTokenizerPlan pre_tokenizer_;
  std::unique_ptr<tokenization::Model> model_;
  tokenization::AddedTokens added_;
  tokenization::PostProcessor post_processor_;
  tokenization::Decoder decoder_;

  mutable tokenization::Workspaces workspaces_;
};

}  // namespace foretell
