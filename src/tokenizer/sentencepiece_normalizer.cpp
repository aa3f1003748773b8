#include "tokenizer/sentencepiece_normalizer.h"

#include <algorithm>

#include "tokenizer/charsmap.h"
#include "tokenizer/precompiled.h"
#include "tokenizer/prefix_trie.h"

namespace foretell::tokenization {
namespace {

constexpr std::string_view meta_space = "\u2581";

class SentencePiece : public Normalizer {
 public:
  explicit SentencePiece(const JsonNode& node)
      : dummy_prefix_(node.get("add_dummy_prefix").boolean()),
        only_at_beginning_(node.get("prefix_at_beginning_only").boolean()),
        joins_blanks_(node.get("remove_extra_whitespaces").boolean()),
        blanks_behind_words_(node.get("treat_whitespace_as_suffix").boolean()) {
    if (const auto map = node.find("precompiled_charsmap")) map_ = read_charsmap(*map);
    if (node.get("escape_whitespaces").boolean()) blank_ = meta_space;
    for (const JsonNode& item : node.get("user_defined").items()) {
      atoms_.add(item.string(), 0);
      has_atoms_ = true;
    }
  }

  Text normalize(const Piece& piece, bool with_origins) const override {
    Text text(with_origins);
    text.reserve(piece.text.size() + piece.text.size() / 4 + meta_space.size());
    Step step = read(piece.text, 0);
    for (size_t at = 0; joins_blanks_ && step.replacement == " "; step = read(piece.text, at)) at = step.end;
    if (step.begin == piece.text.size()) return text;
    const bool prefix = dummy_prefix_ && (!only_at_beginning_ || piece.origin(0, 0).start == 0);
    if (prefix && !blanks_behind_words_) text.append(blank_, piece.origin(0, 0));
    bool after_blank = joins_blanks_;
    for (; step.begin < piece.text.size(); step = read(piece.text, step.end)) {
      std::string_view added = step.replacement;
      while (after_blank && added.starts_with(' ')) added.remove_prefix(1);
      const Origin origin = piece.origin(step.begin, step.end);
      for (const char& c : added) text.append(c == ' ' ? blank_ : std::string_view(&c, 1), origin);
      if (!added.empty()) after_blank = joins_blanks_ && added.ends_with(' ');
    }
    if (joins_blanks_) {
      std::string_view trimmed = text.piece().text;
      while (trimmed.ends_with(blank_)) trimmed.remove_suffix(blank_.size());
      text.truncate(trimmed.size());
    }
    const size_t end = piece.text.size();
    if (prefix && blanks_behind_words_) text.append(blank_, piece.origin(end, end));
    return text;
  }

  double growth() const override {
    return static_cast<double>(std::max(map_.longest_replacement() + 1, meta_space.size()) * meta_space.size());
  }

 private:
  // The bytes [begin, end) of the text and what they become.
  struct Step {
    size_t begin, end;
    std::string_view replacement;
  };

  Step read(std::string_view text, size_t begin) const {
    if (begin == text.size()) return {begin, begin, {}};
    if (has_atoms_) {
      const size_t length = atoms_.longest(text.substr(begin)).length;
      if (length > 0) return {begin, begin + length, text.substr(begin, length)};
    }
    if (const auto found = map_.longest(text.substr(begin))) {
      return {begin, begin + found->length, found->replacement};
    }
    const size_t length = character_length(text[begin]);
    return {begin, begin + length, text.substr(begin, length)};
  }

  bool dummy_prefix_, only_at_beginning_, joins_blanks_, blanks_behind_words_;
  std::string_view blank_ = " ";
  Charsmap map_;
  PrefixTrie atoms_;
  bool has_atoms_ = false;
};

}  // namespace

std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const JsonNode& node) {
  return std::make_unique<SentencePiece>(node);
}

}  // namespace foretell::tokenization
