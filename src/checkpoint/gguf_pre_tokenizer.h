// How GGUF says that a text is cut into words: one name, tokenizer.ggml.pre, for what tokenizer.json spells out.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace foretell {

struct PreTokenizer {
  nlohmann::ordered_json normalizer, pre_tokenizer;  // as tokenizer.json has them
  bool byte_level = true;  // false: tokens are written as SentencePiece has them, "▁" for a space and <0x00> for bytes
  bool ignore_merges = false;  // a word that is in the vocabulary is taken whole
  bool adds_bos = false;       // unless the file says otherwise
};

// All names that are known.
std::vector<std::string_view> pre_tokenizer_names();

// Throws Error for a name that is not known; `file` is the one to blame.
PreTokenizer find_pre_tokenizer(std::string_view name, const std::filesystem::path& file);

}  // namespace foretell
