// SentencePiece's tokenizer.model: a protocol buffer (https://protobuf.dev/programming-guides/encoding) of the message
// ModelProto (sentencepiece_model.proto of https://github.com/google/sentencepiece).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace foretell::tokenization {

struct SentencePieceFile {
  enum class Model : uint64_t { Unigram = 1, Bpe = 2, Word = 3, Char = 4 };
  enum class Type : uint64_t { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };
  struct Piece {
    std::string_view text;  // in the file
    float score = 0;
    Type type = Type::Normal;
  };
  std::vector<Piece> pieces;  // by id
  // TrainerSpec
  Model model = Model::Unigram;
  bool byte_fallback = false;
  bool blanks_behind_words = false;  // treat_whitespace_as_suffix
  int32_t bos_id = 1, eos_id = 2;    // -1: none
  std::string_view unknown_surface = " \u2047 ";
  // NormalizerSpec
  std::string_view charsmap;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

// `bytes` must outlive the result. Throws Error where they are no such message, or one without pieces.
SentencePieceFile read_sentencepiece(std::string_view bytes, const std::filesystem::path& source);

}  // namespace foretell::tokenization
