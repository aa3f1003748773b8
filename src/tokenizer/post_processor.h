// tokenizer.json's "post_processor": the tokens around a text, such as BOS and EOS.
#pragma once

#include <optional>
#include <vector>

#include "foretell/tokenizer.h"
#include "tokenizer/json_node.h"

namespace foretell::tokenization {

class PostProcessor {
 public:
  // Nothing around the text.
  PostProcessor() : template_{std::nullopt} {}
  // Throws Error at an unknown type.
  explicit PostProcessor(const JsonNode& node);

  // The tokens with what goes around them, which is none of the input.
  std::vector<TokenId> process(std::vector<TokenId> ids) const;
  std::vector<TokenSpan> process(std::vector<TokenSpan> spans, size_t text_size) const;

 private:
  using Template = std::vector<std::optional<TokenId>>;  // an id, or the text's tokens
  static Template read(const JsonNode& node);
  bool is_plain() const { return template_.size() == 1 && !template_[0]; }

  Template template_;
};

}  // namespace foretell::tokenization
