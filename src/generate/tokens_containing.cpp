#include "foretell/generate.h"

namespace foretell {

std::vector<TokenId> tokens_containing(const Tokenizer& tokenizer, std::span<const std::string> texts) {
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < tokenizer.vocabulary_size(); id++) {
    const std::string bytes = tokenizer.token_bytes(id);
    for (const std::string& text : texts) {
      if (bytes.find(text) == std::string::npos) continue;
      ids.push_back(id);
      break;
    }
  }
  return ids;
}

}  // namespace foretell
