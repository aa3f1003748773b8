// Patterns of tokenizer.json: regular expressions in Oniguruma's Ruby syntax, run by PCRE2, and plain strings.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tokenizer/json_node.h"
#include "tokenizer/text.h"

namespace foretell::tokenization {

struct Match {
  size_t begin = 0;
  size_t end = 0;
};

// Immutable; any number of threads may search with one at the same time.
class Regex {
 public:
  // Throws Error (without a file or place) where the expression is not valid or uses what PCRE2 cannot express.
  explicit Regex(std::string_view pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // The first match that starts at `from` or behind it. `text` is valid UTF-8. Throws Error where the search takes
  // more memory or steps than is sane.
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

// A regular expression or a string.
class Pattern {
 public:
  static Pattern regex(std::string_view pattern) { return Pattern(Regex(pattern), {}); }
  static Pattern string(std::string_view text) { return Pattern(std::nullopt, std::string(text)); }

  // Calls `visit` with consecutive ranges that cover the text, and whether they match. An empty text is one range that
  // does not match. Matches may be empty, but not right behind another match.
  using Visit = FunctionRef<void(size_t begin, size_t end, bool matches)>;
  void visit(std::string_view text, Visit visit) const;
  // The same from `begin` on, as it goes on where a match ended there, while `visit` returns true.
  using VisitOn = FunctionRef<bool(size_t begin, size_t end, bool matches)>;
  void visit_from(std::string_view text, size_t begin, VisitOn visit) const;

  // How many times longer a text can become where every match is replaced by `content`.
  double growth(std::string_view content) const;

  // The text to look for, where it is no regular expression.
  const std::string* literal() const { return regex_ ? nullptr : &literal_; }

 private:
  Pattern(std::optional<Regex> regex, std::string literal) : regex_(std::move(regex)), literal_(std::move(literal)) {}
  std::optional<Match> find(std::string_view text, size_t from) const;
  // `last_end`: of the match before, if there was one. `begin`: where what is not visited yet begins.
  template <class OnRange>
  void walk(std::string_view text, size_t begin, std::optional<size_t> last_end, OnRange&& on_range) const;

  std::optional<Regex> regex_;
  std::string literal_;
};

// Steps that make texts longer multiply; a file in which they make far more of a text than any use needs is refused, so
// that it cannot ask for all memory. Throws Error.
void check_growth(double growth, const JsonNode& node);

// {"Regex": ".."} or {"String": ".."}. Throws Error.
Pattern read_pattern(const JsonNode& node);

}  // namespace foretell::tokenization
