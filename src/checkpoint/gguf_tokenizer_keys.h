// GGUF's tokenizer.ggml.* keys, checked as they are read; for gguf_tokenizer*.cpp alone.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "foretell/error.h"

namespace foretell::gguf {

// tokenizer.ggml.token_type (llama.h's enum llama_token_type)
enum class TokenType : int64_t { Undefined, Normal, Unknown, Control, UserDefined, Unused, Byte };

struct Token {
  std::string_view text;  // in the metadata
  TokenType type = TokenType::Normal;
  double score = 0;
};

class TokenizerKeys {
 public:
  TokenizerKeys(const Json& metadata, const std::filesystem::path& file) : metadata_(metadata), file_(file) {}

  const Json* find(std::string_view key) const {
    const auto it = metadata_.find("tokenizer." + std::string(key));
    return it == metadata_.end() ? nullptr : &*it;
  }
  std::string text(std::string_view key, std::string fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_string()) throw error(key, "a value is no text", "a text", value->type_name());
    return value->get<std::string>();
  }
  bool flag(std::string_view key, bool fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) throw error(key, "a value is no flag", "true or false", value->type_name());
    return value->get<bool>();
  }
  std::optional<int64_t> id(std::string_view key, size_t tokens) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_integer()) throw error(key, "a value is no token id", "a whole number", value->type_name());
    // Files of models without such a token have -1 or 2^32 - 1 here.
    if (*value == -1 || *value == 0xffffffffu) return std::nullopt;
    if (*value < 0 || *value >= tokens)
      throw error(key, "a token id is outside of the vocabulary", "0 to " + std::to_string(tokens - 1), value->dump());
    return value->get<int64_t>();
  }
  // A list of values of which `is` holds; `length` 0: any.
  const Json::array_t& list(std::string_view key, const char* expected, size_t length, bool (*is)(const Json&)) const {
    const Json* value = find(key);
    if (value == nullptr) throw error(key, "a key is missing", std::string("a list of ") + expected, "nothing");
    if (!value->is_array() || !std::all_of(value->begin(), value->end(), is))
      throw error(key, "a value is no list of " + std::string(expected), "such a list", "something else");
    if (length != 0 && value->size() != length)
      throw error(key, "a list has another length than that of the tokens", std::to_string(length),
                  std::to_string(value->size()));
    return value->get_ref<const Json::array_t&>();
  }

  Error error(std::string_view key, std::string what, std::string expected, std::string found) const {
    return Error({.what = std::move(what),
                  .file = file_.string(),
                  .where = "tokenizer." + std::string(key),
                  .expected = std::move(expected),
                  .found = std::move(found)});
  }
  const std::filesystem::path& file() const { return file_; }

 private:
  const Json& metadata_;
  const std::filesystem::path& file_;
};

// Ids by their texts; tokens without a text are left out.
class Vocabulary {
 public:
  explicit Vocabulary(size_t tokens) : slots_(std::bit_ceil(2 * tokens + 1)) {}
  // The id that has the text already, or nothing.
  std::optional<size_t> add(std::string_view text, size_t id) {
    Slot& slot = slots_[place(text)];
    if (!slot.text.empty()) return slot.id;
    slot = {text, id};
    return std::nullopt;
  }
  std::optional<size_t> find(std::string_view text) const {
    const Slot& slot = slots_[place(text)];
    return slot.text.empty() ? std::nullopt : std::optional(slot.id);
  }

 private:
  struct Slot {
    std::string_view text;
    size_t id = 0;
  };
  size_t place(std::string_view text) const {
    size_t at = hash_bytes(text) & (slots_.size() - 1);
    while (!slots_[at].text.empty() && slots_[at].text != text) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
};

inline bool is_text(const Json& value) { return value.is_string(); }
inline bool is_integer(const Json& value) { return value.is_number_integer(); }
inline bool is_number(const Json& value) { return value.is_number(); }

}  // namespace foretell::gguf
