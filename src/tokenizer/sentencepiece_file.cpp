#include "tokenizer/sentencepiece_file.h"

#include <bit>
#include <cstring>

#include "foretell/error.h"
#include "tokenizer/utf8.h"
#include "tokenizer/vocabulary.h"

namespace foretell::tokenization {
namespace {

// The fields of one message, in the order of the file.
class Fields {
 public:
  Fields(std::string_view bytes, const std::filesystem::path& source, const char* message)
      : bytes_(bytes), source_(source), message_(message) {}

  uint64_t number = 0;      // of the field
  uint64_t value = 0;       // of a number or a flag
  float real = 0;           // of a float
  std::string_view text{};  // of a string or a message

  // False at the end.
  bool next() {
    if (at_ == bytes_.size()) return false;
    const uint64_t tag = varint();
    number = tag >> 3;
    switch (tag & 7) {
      case 0:
        value = varint();
        return true;
      case 1:
        take(8);
        return true;
      case 2:
        text = take(varint());
        return true;
      case 5: {
        uint32_t bits = 0;
        std::memcpy(&bits, take(4).data(), 4);
        real = std::bit_cast<float>(bits);
        return true;
      }
      default:
        fail("not a SentencePiece model: a field has an unknown type", std::to_string(tag & 7));
    }
  }
  [[noreturn]] void fail(const std::string& what, const std::string& found) const {
    throw Error({.what = what,
                 .file = source_.string(),
                 .where = std::string(message_) + ", byte " + std::to_string(at_),
                 .found = found});
  }

 private:
  std::string_view take(uint64_t size) {
    if (size > bytes_.size() - at_) {
      fail("not a SentencePiece model: it ends early",
           std::to_string(bytes_.size() - at_) + " of " + std::to_string(size) + " bytes");
    }
    const std::string_view part = bytes_.substr(at_, size);
    at_ += size;
    return part;
  }
  uint64_t varint() {
    uint64_t result = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      result |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
    fail("not a SentencePiece model: a number is too long", "more than 10 bytes");
  }

  std::string_view bytes_;
  const std::filesystem::path& source_;
  const char* message_;
  size_t at_ = 0;
};

SentencePieceFile::Piece read_piece(Fields fields) {
  SentencePieceFile::Piece piece;
  while (fields.next()) {
    if (fields.number == 1) piece.text = fields.text;
    if (fields.number == 2) piece.score = fields.real;
    if (fields.number != 3) continue;
    if (fields.value < 1 || fields.value > 6) fields.fail("a piece has an unknown type", std::to_string(fields.value));
    piece.type = static_cast<SentencePieceFile::Type>(fields.value);
  }
  if (piece.text.empty() || !is_utf8(piece.text)) fields.fail("a piece is no text", "empty, or not UTF-8");
  return piece;
}

void read_trainer(Fields fields, SentencePieceFile& file) {
  const auto id = [&] { return static_cast<int32_t>(static_cast<int64_t>(fields.value)); };
  while (fields.next()) {
    if (fields.number == 3) {
      if (fields.value < 1 || fields.value > 4) fields.fail("unknown type of model", std::to_string(fields.value));
      file.model = static_cast<SentencePieceFile::Model>(fields.value);
    }
    if (fields.number == 24) file.blanks_behind_words = fields.value != 0;
    if (fields.number == 35) file.byte_fallback = fields.value != 0;
    if (fields.number == 41) file.bos_id = id();
    if (fields.number == 42) file.eos_id = id();
    if (fields.number == 44) file.unknown_surface = fields.text;
  }
}

void read_normalizer(Fields fields, SentencePieceFile& file) {
  while (fields.next()) {
    if (fields.number == 2) file.charsmap = fields.text;
    if (fields.number == 3) file.add_dummy_prefix = fields.value != 0;
    if (fields.number == 4) file.remove_extra_whitespaces = fields.value != 0;
    if (fields.number == 5) file.escape_whitespaces = fields.value != 0;
  }
}

}  // namespace

SentencePieceFile read_sentencepiece(std::string_view bytes, const std::filesystem::path& source) {
  SentencePieceFile file;
  Fields fields(bytes, source, "ModelProto");
  while (fields.next()) {
    if (fields.number == 1) file.pieces.push_back(read_piece({fields.text, source, "SentencePiece"}));
    if (fields.number == 2) read_trainer({fields.text, source, "TrainerSpec"}, file);
    if (fields.number == 3) read_normalizer({fields.text, source, "NormalizerSpec"}, file);
  }
  if (file.pieces.empty()) fields.fail("a SentencePiece model has no pieces", "none");
  if (file.pieces.size() > static_cast<size_t>(largest_id)) {
    fields.fail("a SentencePiece model has too many pieces", std::to_string(file.pieces.size()));
  }
  return file;
}

}  // namespace foretell::tokenization
