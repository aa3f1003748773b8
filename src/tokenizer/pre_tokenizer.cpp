#include "tokenizer/pre_tokenizer.h"

#include <vector>

#include "foretell/error.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/regex.h"
#include "tokenizer/split.h"
#include "tokenizer/unicode.h"

namespace foretell::tokenization {
namespace {

// How GPT-2 cuts text (its encoder.py), and ByteLevel with "use_regex".
constexpr char gpt2_pattern[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class Split : public PreTokenizer {
 public:
  Split(Pattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void split(const Piece& piece, bool, PieceSink next) const override {
    Splitter splitter(piece, behavior_, next);
    pattern_.visit(piece.text,
                   [&](size_t begin, size_t end, bool matches) { splitter(begin, end, matches != invert_); });
    splitter.finish();
  }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Each character that has a property is a match of its own.
class CharacterSplit : public PreTokenizer {
 public:
  CharacterSplit(bool (*property)(char32_t), SplitBehavior behavior) : property_(property), behavior_(behavior) {}

  void split(const Piece& piece, bool, PieceSink next) const override {
    Splitter splitter(piece, behavior_, next);
    size_t done = 0;
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      if (!property_(next_character(piece.text, at))) continue;
      if (done < begin) splitter(done, begin, false);
      splitter(begin, at, true);
      done = at;
    }
    if (done < piece.text.size()) splitter(done, piece.text.size(), false);
    splitter.finish();
  }

 private:
  bool (*property_)(char32_t);
  SplitBehavior behavior_;
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space) {
    if (use_regex) regex_.emplace(gpt2_pattern);
  }

  void leave_spelling() { spells_ = false; }

  void split(const Piece& piece, bool with_origins, PieceSink next) const override {
    if (!add_prefix_space_ || piece.text.starts_with(' ')) return cut(piece, with_origins, next);
    Text text(with_origins);
    text.append(" ", piece.origin(0, 0));
    text.copy(piece, 0, piece.text.size());
    cut(text.piece(), with_origins, next);
  }

 private:
  void cut(const Piece& piece, bool with_origins, PieceSink next) const {
    if (!regex_) return give(piece, with_origins, next);
    // Matches and what lies between them are pieces alike.
    size_t done = 0;
    for (size_t size = piece.text.size(); done < size;) {
      const auto match = regex_->find(piece.text, done);
      const size_t begin = match ? match->begin : size;
      if (done < begin) give(piece.slice(done, begin), with_origins, next);
      if (match) give(piece.slice(match->begin, match->end), with_origins, next);
      done = match ? match->end : size;
    }
  }

  void give(const Piece& piece, bool with_origins, PieceSink next) const {
    if (!spells_) return next(piece);
    Text spelled(with_origins);
    for (size_t i = 0; i < piece.text.size(); ++i) {
      spelled.append(character_of_byte(static_cast<unsigned char>(piece.text[i])), piece.origin(i, i + 1));
    }
    next(spelled.piece());
  }

  bool add_prefix_space_;
  bool spells_ = true;
  std::optional<Regex> regex_;
};

class Chain : public PreTokenizer {
 public:
  explicit Chain(std::vector<std::unique_ptr<PreTokenizer>> steps) : steps_(std::move(steps)) {}

  void split(const Piece& piece, bool with_origins, PieceSink next) const override {
    run(0, piece, with_origins, next);
  }
  bool needs_origins() const override {
    for (const auto& step : steps_) {
      if (step->needs_origins()) return true;
    }
    return false;
  }

 private:
  void run(size_t step, const Piece& piece, bool with_origins, PieceSink next) const {
    if (step == steps_.size()) return next(piece);
    steps_[step]->split(piece, with_origins, [&](const Piece& part) { run(step + 1, part, with_origins, next); });
  }

  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

std::unique_ptr<PreTokenizer> make_step(const JsonNode& node, std::string_view name) {
  if (name == "Split") {
    const SplitBehavior behavior = split_behavior(node.get("behavior"));
    return std::make_unique<Split>(read_pattern(node.get("pattern")), behavior, node.get("invert").boolean());
  }
  if (name == "Digits") {
    const bool individual = node.get("individual_digits").boolean();
    return std::make_unique<CharacterSplit>(is_numeric,
                                            individual ? SplitBehavior::Isolated : SplitBehavior::Contiguous);
  }
  if (name == "ByteLevel") {
    return std::make_unique<ByteLevel>(node.get("add_prefix_space").boolean(), node.boolean("use_regex", true));
  }
  node.get("type").fail("unknown pre-tokenizer", {}, "\"" + std::string(name) + "\"");
}

// Sequences inside of sequences are one sequence. `last_byte_level` is the last step, where that is ByteLevel.
void append_steps(const JsonNode& node, std::vector<std::unique_ptr<PreTokenizer>>& steps,
                  ByteLevel*& last_byte_level) {
  const std::string_view name = node.get("type").string();
  if (name == "Sequence") {
    for (const JsonNode& item : node.get("pretokenizers").items()) append_steps(item, steps, last_byte_level);
    return;
  }
  steps.push_back(make_step(node, name));
  last_byte_level = dynamic_cast<ByteLevel*>(steps.back().get());
}

}  // namespace

PreTokenizerPlan make_pre_tokenizer(const JsonNode& node) {
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  ByteLevel* last_byte_level = nullptr;
  append_steps(node, steps, last_byte_level);
  PreTokenizerPlan plan;
  if (last_byte_level) {
    last_byte_level->leave_spelling();
    plan.byte_level = true;
  }
  if (steps.size() == 1) {
    plan.steps = std::move(steps[0]);
  } else if (!steps.empty()) {
    plan.steps = std::make_unique<Chain>(std::move(steps));
  }
  return plan;
}

}  // namespace foretell::tokenization
