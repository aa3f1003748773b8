// Token healing: a prompt that ends within a word, or after a blank, ends in tokens that its text would not have, had
// it gone on: in "http://" the colon is a part of "://", and a blank belongs to the word behind it. So the prompt's end
// is taken back, and the tokens that come first write it again, as the beginning of whatever tokens the model prefers.
//
//   foretell::TokenHealing healing(tokenizer, options.sampling.end_ids);
//   std::vector<TokenId> prompt = prompt_ids(tokenizer, "The link is <a href=\"http:");
//   options.taken_back = healing.take_back(prompt);
//   generate(model, &tokenizer, sequence, prompt, options);
//
// The term and the idea are guidance's (Lundberg, "The art of prompt design: prompt boundaries and token healing",
// 2023). transformers' token_healing takes the last token back, whatever it is; here it is the longest end of the
// prompt, in whole tokens, that is the beginning of a longer token, and nothing where there is none.
//
// Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foretell/tokenizer.h"

namespace foretell {

class TokenHealing;

// The end of one prompt.
struct TakenBack {
  std::vector<TokenId> ids;
  std::string bytes;                      // that these tokens stand for
  const TokenHealing* healing = nullptr;  // what took it back
};

class TokenHealing {
 public:
  // The tokenizer must outlive it. Special tokens and `end_ids` write no text: they are neither taken back nor drawn
  // before all is written again.
  TokenHealing(const Tokenizer& tokenizer, std::span<const TokenId> end_ids);
  ~TokenHealing();
  TokenHealing(const TokenHealing&) = delete;
  TokenHealing& operator=(const TokenHealing&) = delete;

  // Takes tokens from the end of the prompt. Its first one stays, since there has to be something to read.
  TakenBack take_back(std::vector<TokenId>& prompt) const;

  // The tokens that may come next where `rest` (not empty) is still to be written: those that begin with it, and those
  // that are a beginning of it after which it can be written to its end. A bit for each id, 64 in a word, the lowest
  // first.
  void allow(std::string_view rest, std::vector<uint64_t>& bits) const;

  // What is left of `rest` after a token that was allowed; after all of `ids`.
  std::string_view rest_after(std::string_view rest, TokenId id) const;
  std::string_view rest_after(std::string_view rest, std::span<const TokenId> ids) const;

 private:
  class Implementation;
  std::unique_ptr<const Implementation> implementation_;
};

}  // namespace foretell
