#include <string>

#include "foretell/generate.h"

namespace foretell {

void check_same_tokens(const Tokenizer& tokenizer, const std::filesystem::path& model, const Tokenizer& draft,
                       const std::filesystem::path& draft_model) {
  const auto refuse = [&](const std::string& where, const std::string& expected, const std::string& found) {
    throw Error({.what = "its tokens are not those of " + model.string() + ", for which it should guess",
                 .file = draft_model.string(),
                 .where = where,
                 .expected = expected,
                 .found = found});
  };
  const int64_t size = tokenizer.vocabulary_size();
  if (draft.vocabulary_size() != size)
    refuse("vocabulary", std::to_string(size) + " tokens", std::to_string(draft.vocabulary_size()));
  for (TokenId id = 0; id < size; id++) {
    if (tokenizer.token_name(id) == draft.token_name(id)) continue;
    refuse("token " + std::to_string(id), "\"" + std::string(tokenizer.token_name(id)) + "\"",
           "\"" + std::string(draft.token_name(id)) + "\"");
  }
}

}  // namespace foretell
