#include "tokenizer/pre_tokenizer.h"

#include <vector>

#include "foretell/error.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/metaspace.h"
#include "tokenizer/regex.h"
#include "tokenizer/split.h"
#include "tokenizer/unicode.h"

namespace foretell::tokenization {
namespace {

// How GPT-2 cuts text (its encoder.py), and ByteLevel with "use_regex".
constexpr char gpt2_pattern[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Words, and what is neither word nor blank.
constexpr char whitespace_pattern[] = R"([[:word:]\x{200c}\x{200d}]+|[^[:word:]\x{200c}\x{200d}\s]+)";

// PreTokenizer::split_part of a pattern whose matches and other ranges go to `give` as they come.
std::optional<size_t> visit_part(const Pattern& pattern, std::string_view text, const SplitPart& part,
                                 FunctionRef<void(size_t, size_t, bool)> give, FunctionRef<void(size_t)> on_match) {
  std::optional<size_t> done = part.begin;
  pattern.visit_from(text, part.begin, [&](size_t begin, size_t end, bool matches) {
    if (!matches && part.gives_up && end > part.end) {
      done.reset();
      return false;
    }
    give(begin, end, matches);
    done = end;
    if (matches) on_match(end);
    return !matches || end < part.end;
  });
  return done;
}

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

  bool has_parts(const Piece&) const override {
    return behavior_ == SplitBehavior::Isolated || behavior_ == SplitBehavior::Removed;
  }
  std::optional<size_t> split_part(const Piece& piece, const SplitPart& part, bool, PieceSink next,
                                   FunctionRef<void(size_t)> on_match) const override {
    Splitter splitter(piece, behavior_, next);
    const auto give = [&](size_t begin, size_t end, bool matches) { splitter(begin, end, matches != invert_); };
    return visit_part(pattern_, piece.text, part, give, on_match);
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
    if (use_regex) pattern_.emplace(Pattern::regex(gpt2_pattern));
  }

  void leave_spelling() { spells_ = false; }
  double growth() const override { return 2; }

  void split(const Piece& piece, bool with_origins, PieceSink next) const override {
    if (!add_prefix_space_ || piece.text.starts_with(' ')) return cut(piece, with_origins, next);
    Text text(with_origins);
    text.append(" ", piece.origin(0, 0));
    text.copy(piece, 0, piece.text.size());
    cut(text.piece(), with_origins, next);
  }

  bool has_parts(const Piece& piece) const override {
    return pattern_ && (!add_prefix_space_ || piece.text.starts_with(' '));
  }
  std::optional<size_t> split_part(const Piece& piece, const SplitPart& part, bool with_origins, PieceSink next,
                                   FunctionRef<void(size_t)> on_match) const override {
    const auto give_range = [&](size_t begin, size_t end, bool) { give(piece.slice(begin, end), with_origins, next); };
    return visit_part(*pattern_, piece.text, part, give_range, on_match);
  }

 private:
  void cut(const Piece& piece, bool with_origins, PieceSink next) const {
    if (!pattern_) return give(piece, with_origins, next);
    // Matches and what lies between them are pieces alike.
    pattern_->visit(piece.text,
                    [&](size_t begin, size_t end, bool) { give(piece.slice(begin, end), with_origins, next); });
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
  std::optional<Pattern> pattern_;
};

// Blanks become the replacement, one more of which may come before the text; then it is cut before each.
class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(const MetaspaceOptions& options) : options_(options) {
    append_utf8(replacement_, options.replacement);
  }

  void split(const Piece& piece, bool with_origins, PieceSink next) const override {
    Text text(with_origins);
    text.reserve(piece.text.size() * 2);
    const bool begins = piece.text.starts_with(' ') || piece.text.starts_with(replacement_);
    const bool prepends = options_.prepend == MetaspaceOptions::Prepend::Always ||
                          (options_.prepend == MetaspaceOptions::Prepend::First && piece.origin(0, 0).start == 0);
    if (prepends && !begins) text.append(replacement_, piece.origin(0, 0));
    size_t done = 0;
    for (size_t at; (at = piece.text.find(' ', done)) != std::string_view::npos; done = at + 1) {
      text.copy(piece, done, at);
      text.append(replacement_, piece.origin(at, at + 1));
    }
    text.copy(piece, done, piece.text.size());
    const Piece result = text.piece();
    if (!options_.split) return next(result);
    size_t begin = 0;
    for (size_t at = 1; (at = result.text.find(replacement_, at)) != std::string_view::npos; ++at) {
      next(result.slice(begin, at));
      begin = at;
    }
    next(result.slice(begin, result.text.size()));
  }

  bool needs_origins() const override { return options_.prepend == MetaspaceOptions::Prepend::First; }
  double growth() const override { return static_cast<double>(replacement_.size()); }

 private:
  MetaspaceOptions options_;
  std::string replacement_;
};

class UnicodeScripts : public PreTokenizer {
 public:
  void split(const Piece& piece, bool, PieceSink next) const override {
    // Characters that go with any script belong to the piece before them; at the very beginning they are lost.
    int last = 0;
    size_t begin = piece.text.size();
    for (size_t at = 0; at < piece.text.size();) {
      const size_t here = at;
      const int script = script_of(next_character(piece.text, at));
      if (script == 0 || script == last) continue;
      if (last != 0) next(piece.slice(begin, here));
      begin = here;
      last = script;
    }
    if (begin < piece.text.size()) next(piece.slice(begin, piece.text.size()));
  }
};

class FixedLength : public PreTokenizer {
 public:
  explicit FixedLength(size_t length) : length_(length) {}

  void split(const Piece& piece, bool, PieceSink next) const override {
    for (size_t begin = 0, end = 0; begin < piece.text.size(); begin = end) {
      for (size_t i = 0; i < length_ && end < piece.text.size(); ++i) end += character_length(piece.text[end]);
      next(piece.slice(begin, end));
    }
  }

 private:
  size_t length_;  // characters
};

class Chain : public PreTokenizer {
 public:
  explicit Chain(std::vector<std::unique_ptr<PreTokenizer>> steps) : steps_(std::move(steps)) {
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (steps_[i]->needs_origins()) origins_before_ = i;
    }
  }

  void split(const Piece& piece, bool with_origins, PieceSink next) const override {
    run(0, piece, with_origins, next);
  }
  bool needs_origins() const override {
    for (const auto& step : steps_) {
      if (step->needs_origins()) return true;
    }
    return false;
  }

  bool has_parts(const Piece& piece) const override { return !needs_origins() && steps_[0]->has_parts(piece); }
  std::optional<size_t> split_part(const Piece& piece, const SplitPart& part, bool with_origins, PieceSink next,
                                   FunctionRef<void(size_t)> on_match) const override {
    return steps_[0]->split_part(
        piece, part, with_origins, [&](const Piece& one) { run(1, one, with_origins, next); }, on_match);
  }

 private:
  void run(size_t step, const Piece& piece, bool with_origins, PieceSink next) const {
    if (step == steps_.size()) return next(piece);
    steps_[step]->split(piece, with_origins || step < origins_before_,
                        [&](const Piece& part) { run(step + 1, part, with_origins, next); });
  }

  std::vector<std::unique_ptr<PreTokenizer>> steps_;
  size_t origins_before_ = 0;  // steps before this one keep origins, which it needs
};

using Steps = std::vector<std::unique_ptr<PreTokenizer>>;

void append_step(const JsonNode& node, std::string_view name, Steps& steps) {
  const auto add = [&]<typename Step>(Step step) { steps.push_back(std::make_unique<Step>(std::move(step))); };
  if (name == "Split") {
    const SplitBehavior behavior = split_behavior(node.get("behavior"));
    add(Split(read_pattern(node.get("pattern")), behavior, node.get("invert").boolean()));
  } else if (name == "Digits") {
    const bool individual = node.get("individual_digits").boolean();
    add(CharacterSplit(is_numeric, individual ? SplitBehavior::Isolated : SplitBehavior::Contiguous));
  } else if (name == "ByteLevel") {
    add(ByteLevel(node.get("add_prefix_space").boolean(), node.boolean("use_regex", true)));
  } else if (name == "Metaspace") {
    add(Metaspace(read_metaspace(node)));
  } else if (name == "Punctuation") {
    const auto behavior = node.find("behavior");
    add(CharacterSplit(is_punctuation, behavior ? split_behavior(*behavior) : SplitBehavior::Isolated));
  } else if (name == "Whitespace") {
    add(Split(Pattern::regex(whitespace_pattern), SplitBehavior::Removed, true));
  } else if (name == "WhitespaceSplit") {
    add(CharacterSplit(is_white_space, SplitBehavior::Removed));
  } else if (name == "BertPreTokenizer") {
    add(CharacterSplit(is_white_space, SplitBehavior::Removed));
    add(CharacterSplit(is_punctuation, SplitBehavior::Isolated));
  } else if (name == "CharDelimiterSplit") {
    std::string delimiter;
    append_utf8(delimiter, node.get("delimiter").character());
    add(Split(Pattern::string(delimiter), SplitBehavior::Removed, false));
  } else if (name == "UnicodeScripts") {
    add(UnicodeScripts());
  } else if (name == "FixedLength") {
    constexpr int64_t most = int64_t{1} << 40;
    const auto length = node.find("length");
    add(FixedLength(length ? static_cast<size_t>(length->integer(1, most)) : 5));
  } else {
    node.get("type").fail("unknown pre-tokenizer", {}, "\"" + std::string(name) + "\"");
  }
}

// Sequences inside of sequences are one sequence. `last_byte_level` is the last step, where that is ByteLevel.
void append_steps(const JsonNode& node, Steps& steps, ByteLevel*& last_byte_level) {
  const std::string_view name = node.get("type").string();
  if (name == "Sequence") {
    for (const JsonNode& item : node.get("pretokenizers").items()) append_steps(item, steps, last_byte_level);
    return;
  }
  append_step(node, name, steps);
  last_byte_level = dynamic_cast<ByteLevel*>(steps.back().get());
}

}  // namespace

PreTokenizerPlan make_pre_tokenizer(const JsonNode& node, bool model_spells) {
  Steps steps;
  ByteLevel* last_byte_level = nullptr;
  append_steps(node, steps, last_byte_level);
  double growth = 1;
  for (const auto& step : steps) growth *= step->growth();
  check_growth(growth, node);
  PreTokenizerPlan plan;
  if (last_byte_level && model_spells) {
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
