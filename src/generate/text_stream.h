// The chosen ids as text: whole characters, up to a stop text.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foretell/generate.h"
#include "generate/stop_matcher.h"

namespace foretell {

class TextStream {
 public:
  // Everything given must live as long; without a tokenizer there is no text.
  TextStream(const Tokenizer* tokenizer, std::span<const TokenId> prompt, const GenerateOptions& options,
             const OnText& on_text);

  // False where a stop text has come.
  bool push(TokenId id);
  void finish();

  const std::string& text() const { return text_; }
  // How many of the ids have a part in the text: not those that lie in the stop text altogether.
  size_t ids_in_text() const;

 private:
  void decode(std::string_view piece);
  void give(std::string_view piece);

  std::optional<StreamDecoder> decoder_;
  StopMatcher stops_;
  const OnText& on_text_;
  std::string text_, piece_;
  size_t written_again_ = 0;    // bytes of the prompt that come out of the decoder first, and are not given out
  size_t decoded_ = 0;          // bytes that came out of the decoder
  std::vector<size_t> starts_;  // for each id, decoded_ before it
};

}  // namespace foretell
