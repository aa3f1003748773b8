// What stands beside a tokenizer's vocabulary: tokenizer_config.json, special_tokens_map.json, added_tokens.json; and
// the parts of a tokenizer.json that are made of them. For folder*.cpp alone.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace foretell::tokenization {

class FolderSettings {
 public:
  // All of the files may be missing. Throws Error.
  explicit FolderSettings(const std::filesystem::path& folder);

  // "tokenizer_class" without its "Fast", else what config.json's "model_type" stands for; empty where neither says.
  const std::string& kind() const { return kind_; }
  bool flag(const char* name, bool otherwise) const;  // of tokenizer_config.json
  // The text of "bos_token"...; empty where there is none.
  std::string token(const char* name, std::string_view otherwise = {}) const;

  // "added_tokens": those that the files name, and `special`. `ids`: of the vocabulary, to which the ids of new ones
  // go. Ids between them that have no name get "<|reserved_ID|>", so that the others keep theirs. Throws Error where an
  // id is another token's.
  Json added_tokens(std::map<std::string, int64_t>& ids, const std::vector<std::string>& special) const;

 private:
  std::filesystem::path folder_;
  std::string kind_;
  Json config_, map_, added_;
};

// {"type": "TemplateProcessing"}, the text between one token and another; empty names: none. Null where both are.
Json around_text(const std::string& before, const std::string& behind, const std::map<std::string, int64_t>& ids,
                 const std::filesystem::path& source);
Json byte_level(bool use_regex, bool add_prefix_space = false);
// Byte-level words cut by an expression.
Json cut_by(std::string_view expression);
std::string read_text(const std::filesystem::path& file);

// The forms; each gives the text of a tokenizer.json.
std::string translate_sentencepiece(const std::filesystem::path& file, std::string_view bytes,
                                    const FolderSettings& settings);
std::string translate_ranks(const std::filesystem::path& file, std::string_view lines, const FolderSettings& settings);
std::string translate_tekken(const std::filesystem::path& file);
std::string translate_merges(const std::filesystem::path& vocabulary, const FolderSettings& settings);
std::string translate_wordpiece(const std::filesystem::path& file, const FolderSettings& settings);

}  // namespace foretell::tokenization
