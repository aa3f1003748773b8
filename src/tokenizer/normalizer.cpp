#include "tokenizer/normalizer.h"

#include <vector>

#include "tokenizer/character_normalizers.h"
#include "tokenizer/precompiled.h"
#include "tokenizer/regex.h"
#include "tokenizer/sentencepiece_normalizer.h"
#include "tokenizer/unicode_normalizer.h"

namespace foretell::tokenization {
namespace {

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}

  Text normalize(const Piece& piece, bool with_origins) const override {
    Text text = steps_[0]->normalize(piece, with_origins);
    for (size_t i = 1; i < steps_.size(); ++i) text = steps_[i]->normalize(text.piece(), with_origins);
    return text;
  }
  double growth() const override {
    double product = 1;
    for (const auto& step : steps_) product *= step->growth();
    return product;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;  // at least one
};

// Every match becomes `content`.
class Replace : public Normalizer {
 public:
  Replace(Pattern pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}

  Text normalize(const Piece& piece, bool with_origins) const override {
    Text text(with_origins);
    text.reserve(piece.text.size());
    pattern_.visit(piece.text, [&](size_t begin, size_t end, bool matches) {
      if (matches) {
        text.append(content_, piece.origin(begin, end));
      } else {
        text.copy(piece, begin, end);
      }
    });
    return text;
  }
  double growth() const override { return pattern_.growth(content_); }

 private:
  Pattern pattern_;
  std::string content_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string content) : content_(std::move(content)) {}

  Text normalize(const Piece& piece, bool with_origins) const override {
    Text text(with_origins);
    text.reserve(piece.text.size() + content_.size());
    if (!piece.empty()) text.append(content_, piece.origin(0, 0));
    text.copy(piece, 0, piece.text.size());
    return text;
  }
  double growth() const override { return 1; }

 private:
  std::string content_;
};

std::unique_ptr<Normalizer> make_sequence(const JsonNode& node) {
  std::vector<std::unique_ptr<Normalizer>> steps;
  for (const JsonNode& item : node.get("normalizers").items()) {
    if (auto step = make_normalizer(item)) steps.push_back(std::move(step));
  }
  if (steps.empty()) return nullptr;
  if (steps.size() == 1) return std::move(steps[0]);
  return std::make_unique<Sequence>(std::move(steps));
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node) {
  const JsonNode type = node.get("type");
  const std::string_view name = type.string();
  if (name == "Sequence") return make_sequence(node);
  if (name == "NFC") return std::make_unique<UnicodeNormalizer>(UnicodeNormalizer::Form::Nfc);
  if (name == "NFD") return std::make_unique<UnicodeNormalizer>(UnicodeNormalizer::Form::Nfd);
  if (name == "NFKC") return std::make_unique<UnicodeNormalizer>(UnicodeNormalizer::Form::Nfkc);
  if (name == "NFKD") return std::make_unique<UnicodeNormalizer>(UnicodeNormalizer::Form::Nfkd);
  if (name == "Replace") {
    return std::make_unique<Replace>(read_pattern(node.get("pattern")), std::string(node.get("content").string()));
  }
  if (name == "Prepend") return std::make_unique<Prepend>(std::string(node.get("prepend").string()));
  if (name == "Precompiled") return make_precompiled(node);
  if (name == "SentencePiece") return make_sentencepiece_normalizer(node);
  if (auto step = make_character_normalizer(node, name)) return step;
  type.fail("unknown normalizer", {}, "\"" + std::string(name) + "\"");
}

}  // namespace foretell::tokenization
