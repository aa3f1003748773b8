// Text to token ids and back, as a published tokenizer.json says.
//
// A Tokenizer is immutable after loading: any number of threads may use one at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foretell/token_id.h"

namespace foretell {

// A token and the bytes of the input, [start, end), that it stands for, to whole characters: the tokens of one
// character all have its bytes. Together the tokens cover the input, also where a normalizer changed the text; what a
// tokenizer drops (blanks between words) goes to the next token. Tokens that were added (BOS...) have start == end.
struct TokenSpan {
  TokenId id = 0;
  size_t start = 0;
  size_t end = 0;
};

struct EncodeOptions {
  bool add_special = true;    // add the post-processor's tokens (BOS, EOS...)
  bool parse_special = true;  // recognize special tokens that are written in the text
  // Texts of twice this and more are encoded in parts of some such size on all CPUs, where the tokenizer cuts texts by
  // patterns. The tokens are the same.
  size_t part_bytes = size_t{1} << 19;
};

// A part of a text that is put together of several, as a conversation is of a template's words and of what people
// wrote.
struct TextPart {
  std::string_view text;
  bool parse_special = true;  // false: special tokens that are written in it, wholly or with a neighbour, are text
};

class Tokenizer {
 public:
  // From a folder that holds tokenizer.json or an older form (docs/tokenizers.md), or from such a file. Throws Error,
  // also where the file names a component or an option that this library does not know.
  static Tokenizer load(const std::filesystem::path& path);
  // From the text of a tokenizer.json; `source` names it in errors.
  static Tokenizer from_json(std::string_view text, const std::filesystem::path& source);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Time is linear in the text. Any bytes may be given; those that are not UTF-8 are read as U+FFFD. Throws Error where
  // the text needs an unknown token that the vocabulary lacks.
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const;
  std::vector<TokenSpan> encode_with_offsets(std::string_view text, EncodeOptions options = {}) const;
  // The parts' texts one behind the other are one text, whose offsets are given; only where special tokens are looked
  // for differs. options.parse_special false: in no part.
  std::vector<TokenId> encode(std::span<const TextPart> parts, EncodeOptions options = {}) const;
  std::vector<TokenSpan> encode_with_offsets(std::span<const TextPart> parts, EncodeOptions options = {}) const;

  // Bytes that do not form UTF-8 come out as U+FFFD. Ids outside the vocabulary stand for nothing.
  std::string decode(std::span<const TokenId> ids, bool skip_special = false) const;

  // The bytes that a token stands for in the middle of a text, " the"; may be a part of a UTF-8 character.
  std::string token_bytes(TokenId id) const;
  // The entry as the vocabulary spells it, "Ġthe"; empty for an unknown id.
  std::string_view token_name(TokenId id) const;
  // The id of an entry as the vocabulary spells it, added tokens included.
  std::optional<TokenId> find(std::string_view name) const;

  bool is_special(TokenId id) const;
  // The number of ids: the largest one and those below, added tokens included.
  int64_t vocabulary_size() const;
  // One line for a person: "byte-level BPE, 48,900 merges, 49,152 tokens, 17 special".
  std::string summary() const;

 private:
  friend class StreamDecoder;
  class Implementation;
  explicit Tokenizer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

// Decodes ids as they come and gives whole characters only. The pieces put together are decode() of all the ids. The
// cost of a token does not depend on how many came before.
class StreamDecoder {
 public:
  // The tokenizer must outlive the decoder.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = false);
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;
  ~StreamDecoder();

  // The text that this id completes; empty while a character is still open.
  std::string push(TokenId id);
  void push(TokenId id, std::string& text);  // appends it
  // What is left, with U+FFFD for a character that never came to its end. The decoder then begins a new text.
  std::string finish();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace foretell
