#include "tokenizer/word_vocabularies.h"

#include <algorithm>

#include "foretell/error.h"

namespace foretell::tokenization {
namespace {

class WordVocabulary : public Model {
 public:
  explicit WordVocabulary(const JsonNode& node)
      : vocabulary_(read_vocabulary(node.get("vocab"))), unknown_(node.get("unk_token").string()) {}

  std::unique_ptr<ModelWorkspace> make_workspace() const override { return std::make_unique<ModelWorkspace>(); }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 protected:
  void add_unknown(const Piece& piece, TokenSink& sink) const {
    const auto id = vocabulary_.find(unknown_);
    if (!id) {
      throw Error({.what = "the text has an unknown word and the vocabulary no unknown token",
                   .where = "model.unk_token",
                   .found = "\"" + unknown_ + "\""});
    }
    sink.add(*id, piece, 0, piece.text.size());
  }

  Vocabulary vocabulary_;

 private:
  std::string unknown_;
};

class WordLevel : public WordVocabulary {
 public:
  using WordVocabulary::WordVocabulary;
  void tokenize(const Piece& piece, ModelWorkspace&, TokenSink& sink) const override {
    const auto id = vocabulary_.find(piece.text);
    if (!id) return add_unknown(piece, sink);
    sink.add(*id, piece, 0, piece.text.size());
  }
  std::string summary() const override { return "WordLevel"; }
};

class WordPiece : public WordVocabulary {
 public:
  explicit WordPiece(const JsonNode& node)
      : WordVocabulary(node),
        prefix_(node.get("continuing_subword_prefix").string()),
        most_characters_(static_cast<size_t>(node.get("max_input_chars_per_word").integer(0, INT64_MAX))) {}

  void tokenize(const Piece& piece, ModelWorkspace&, TokenSink& sink) const override {
    const std::string_view word = piece.text;
    if (count_characters(word) > most_characters_) return add_unknown(piece, sink);
    struct Part {
      TokenId id;
      size_t begin, end;
    };
    std::vector<Part> parts;  // given on only when the whole word is known
    for (size_t begin = 0; begin < word.size();) {
      size_t end = begin;
      const auto id = longest(word, begin, end);
      if (!id) return add_unknown(piece, sink);
      parts.push_back({*id, begin, end});
      begin = end;
    }
    for (const Part& part : parts) sink.add(part.id, piece, part.begin, part.end);
  }
  std::string summary() const override { return "WordPiece"; }

 private:
  // The longest entry at `begin`, and its end.
  std::optional<TokenId> longest(std::string_view word, size_t begin, size_t& end) const {
    const std::string_view prefix = begin > 0 ? std::string_view(prefix_) : std::string_view();
    end = std::min(word.size(), begin + vocabulary_.longest());
    while (end < word.size() && is_continuation(word[end])) --end;
    for (; end > begin; end = previous_character(word, end)) {
      if (const auto id = vocabulary_.find(prefix, word.substr(begin, end - begin))) return id;
    }
    return std::nullopt;
  }

  std::string prefix_;  // of all parts of a word but the first
  size_t most_characters_;
};

}  // namespace

std::unique_ptr<Model> make_word_level(const JsonNode& node) { return std::make_unique<WordLevel>(node); }
std::unique_ptr<Model> make_word_piece(const JsonNode& node) { return std::make_unique<WordPiece>(node); }

}  // namespace foretell::tokenization
