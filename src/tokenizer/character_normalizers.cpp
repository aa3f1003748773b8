#include "tokenizer/character_normalizers.h"

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/unicode.h"
#include "tokenizer/unicode_normalizer.h"

namespace foretell::tokenization {
namespace {

// Writes what each character becomes, nothing included.
class EachCharacter : public Normalizer {
 public:
  using Map = void (*)(char32_t c, std::string& out);
  explicit EachCharacter(Map map) : map_(map) {}

  Text normalize(const Piece& piece, bool with_origins) const override {
    Text text(with_origins);
    text.reserve(piece.text.size());
    std::string out;
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      const char32_t c = next_character(piece.text, at);
      out.clear();
      map_(c, out);
      text.append(out, piece.origin(begin, at));
    }
    return text;
  }
  double growth() const override { return 2; }  // ByteLevel's spelling; the others make less

 private:
  Map map_;
};

void lowercase(char32_t c, std::string& out) { append_lowercase(out, c); }

void strip_accents(char32_t c, std::string& out) {
  if (!is_combining_mark(c)) append_utf8(out, c);
}

// What SentencePiece's rules for neural machine translation do: controls go, and all sorts of blanks become one.
void nmt(char32_t c, std::string& out) {
  const auto in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (in(0x01, 0x08) || c == 0x0b || in(0x0e, 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f) return;
  const bool blank = in(0x09, 0x0a) || in(0x0c, 0x0d) || c == 0x1680 || in(0x200b, 0x200f) || in(0x2028, 0x2029) ||
                     c == 0x2581 || c == 0xfeff || c == 0xfffd;
  append_utf8(out, blank ? ' ' : c);
}

void spell(char32_t c, std::string& out) {
  std::string bytes;
  append_utf8(bytes, c);
  out += name_of_bytes(bytes);
}

void bert_clean(char32_t c, std::string& out) {
  const bool line = c == '\t' || c == '\n' || c == '\r';
  if (c == 0 || c == replacement_character || (is_control(c) && !line)) return;
  append_utf8(out, is_white_space(c) ? ' ' : c);
}

// The blocks of Chinese characters, of which BERT makes words of their own.
void bert_chinese(char32_t c, std::string& out) {
  const auto in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  const bool chinese = in(0x4e00, 0x9fff) || in(0x3400, 0x4dbf) || in(0x20000, 0x2a6df) || in(0x2a700, 0x2b73f) ||
                       in(0x2b740, 0x2b81f) || in(0x2b920, 0x2ceaf) || in(0xf900, 0xfaff) || in(0x2f800, 0x2fa1f);
  if (chinese) out += ' ';
  append_utf8(out, c);
  if (chinese) out += ' ';
}

void bert_accents(char32_t c, std::string& out) {
  if (!is_nonspacing_mark(c)) append_utf8(out, c);
}

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}

  Text normalize(const Piece& piece, bool with_origins) const override {
    const std::string_view text = piece.text;
    size_t begin = 0, end = text.size();
    for (size_t at = 0; left_ && at < end; begin = at) {
      if (!is_white_space(next_character(text, at))) break;
    }
    while (right_ && end > begin) {
      const size_t last = previous_character(text, end);
      size_t at = last;
      if (!is_white_space(next_character(text, at))) break;
      end = last;
    }
    Text stripped(with_origins);
    stripped.copy(piece, begin, end);
    return stripped;
  }
  double growth() const override { return 1; }

 private:
  bool left_, right_;
};

class Bert : public Normalizer {
 public:
  explicit Bert(const JsonNode& node) {
    const bool lower = node.get("lowercase").boolean();
    if (node.get("clean_text").boolean()) add<EachCharacter>(bert_clean);
    if (node.get("handle_chinese_chars").boolean()) add<EachCharacter>(bert_chinese);
    if (node.boolean("strip_accents", lower)) {
      add<UnicodeNormalizer>(UnicodeNormalizer::Form::Nfd);
      add<EachCharacter>(bert_accents);
    }
    if (lower) add<EachCharacter>(lowercase);
  }

  Text normalize(const Piece& piece, bool with_origins) const override {
    Text text(with_origins);
    text.copy(piece, 0, piece.text.size());
    for (const auto& step : steps_) text = step->normalize(text.piece(), with_origins);
    return text;
  }
  double growth() const override { return 2 * 3 * 2; }

 private:
  template <typename Step, typename Argument>
  void add(Argument argument) {
    steps_.push_back(std::make_unique<Step>(argument));
  }
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

}  // namespace

std::unique_ptr<Normalizer> make_character_normalizer(const JsonNode& node, std::string_view name) {
  if (name == "Lowercase") return std::make_unique<EachCharacter>(lowercase);
  if (name == "StripAccents") return std::make_unique<EachCharacter>(strip_accents);
  if (name == "Nmt") return std::make_unique<EachCharacter>(nmt);
  if (name == "ByteLevel") return std::make_unique<EachCharacter>(spell);
  if (name == "BertNormalizer") return std::make_unique<Bert>(node);
  if (name == "Strip") {
    return std::make_unique<Strip>(node.get("strip_left").boolean(), node.get("strip_right").boolean());
  }
  return nullptr;
}

}  // namespace foretell::tokenization
