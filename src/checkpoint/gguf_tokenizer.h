// GGUF's tokenizer (its tokenizer.ggml.* keys) in the form in which published folders have it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace foretell {

struct GgufTokenizer {
  // The texts of tokenizer.json, tokenizer_config.json and chat_template.jinja; empty where the file has none.
  std::string tokenizer_json, tokenizer_config_json, chat_template;
  std::map<std::string, std::string> named_chat_templates;
  // Ids by their names in config.json ("bos_token_id"...), as far as the file gives them.
  Json special_ids = Json::object();
  // The ids that end a text: the file's own and, in chat models, those that end a turn.
  std::vector<int64_t> end_ids;
};

// `metadata` as GgufFile has it. Byte-level BPE ("gpt2"), SentencePiece's BPE ("llama"; with merges: "gemma4") and
// unigram model ("t5"), and WordPiece ("bert"); throws Error for any other kind, for a pre-tokenizer that is not known
// and for lists that do not fit together.
// `texts` false: the special ids and the chat template alone.
GgufTokenizer translate_tokenizer(const Json& metadata, const std::filesystem::path& file, bool texts = true);

}  // namespace foretell
