#include "constrain/regex_syntax.h"

#include <algorithm>
#include <array>

#include "constrain/character_classes.h"
#include "constrain/text_reader.h"

namespace foretell::constrain {
namespace {

constexpr int most_nested = 200;
constexpr uint32_t most_repeats = 1'000'000'000;

// What an expression matches, by the anchors that it passed: [it must begin at the text's start][it must end at its
// end].
struct Anchored {
  std::array<std::array<ExpressionId, 2>, 2> at{};  // Never is 0

  static Anchored plain(ExpressionId e) {
    Anchored result;
    result.at[0][0] = e;
    return result;
  }
  bool anchored() const { return at[0][1] != 0 || at[1][0] != 0 || at[1][1] != 0; }
};

class RegexParser {
 public:
  RegexParser(Rules& rules, std::string_view regex, Encoding encoding)
      : rules_(rules), encoding_(encoding), reader_(regex, "the regular expression") {}

  Anchored parse() {
    const Anchored result = alternatives();
    if (!reader_.done()) reader_.fail("has a ) without a (");
    return result;
  }

 private:
  Anchored alternatives() {
    if (++depth_ > most_nested) reader_.fail("is nested too deeply", "at most " + std::to_string(most_nested));
    std::array<std::array<std::vector<ExpressionId>, 2>, 2> choices;
    do {
      const Anchored one = sequence();
      for (size_t b : {0UL, 1UL}) {
        for (size_t e : {0UL, 1UL}) choices[b][e].push_back(one.at[b][e]);
      }
    } while (reader_.take("|"));
    Anchored result;
    for (size_t b : {0UL, 1UL}) {
      for (size_t e : {0UL, 1UL}) result.at[b][e] = rules_.choice(std::move(choices[b][e]));
    }
    depth_--;
    return result;
  }

  Anchored sequence() {
    std::vector<ExpressionId> run;  // parts without anchors
    Anchored result = Anchored::plain(rules_.empty());
    const auto flush = [&] {
      if (!run.empty()) result = join(result, Anchored::plain(rules_.sequence(std::move(run))));
      run.clear();
    };
    while (!reader_.done() && reader_.peek() != '|' && reader_.peek() != ')') {
      const Anchored next = quantified();
      if (!next.anchored()) {
        run.push_back(next.at[0][0]);
        continue;
      }
      flush();
      result = join(result, next);
    }
    flush();
    return result;
  }

  // One behind the other. Behind the text's end, and before its start, only the empty text fits.
  Anchored join(const Anchored& first, const Anchored& second) {
    Anchored result;
    for (size_t i = 0; i < 16; i++) {
      const size_t b1 = i & 1, e1 = i >> 1 & 1, b2 = i >> 2 & 1, e2 = i >> 3;
      ExpressionId a = first.at[b1][e1], b = second.at[b2][e2];
      if (a == rules_.never() || b == rules_.never()) continue;
      if (e1 == 1) b = matches_empty(b) ? rules_.empty() : rules_.never();
      if (b2 == 1) a = matches_empty(a) ? rules_.empty() : rules_.never();
      ExpressionId& place = result.at[b1 | b2][e1 | e2];
      place = rules_.choice({place, rules_.sequence({a, b})});
    }
    return result;
  }

  bool matches_empty(ExpressionId id) const {
    const Expression& e = rules_[id];
    const auto empty = [this](ExpressionId part) { return matches_empty(part); };
    switch (e.kind) {
      case Expression::Kind::Literal:
        return rules_.literal_of(e).empty();
      case Expression::Kind::Sequence:
        return std::all_of(e.parts.begin(), e.parts.end(), empty);
      case Expression::Kind::Choice:
        return std::any_of(e.parts.begin(), e.parts.end(), empty);
      case Expression::Kind::Repeat:
        return e.min == 0 || empty(e.parts[0]);
      default:
        return false;
    }
  }

  Anchored quantified() {
    Anchored part = atom();
    while (true) {
      uint32_t min = 0, max = unbounded;
      if (reader_.take("?")) {
        max = 1;
      } else if (reader_.take("+")) {
        min = 1;
      } else if (!reader_.take("*") && !counts(min, max)) {
        return part;
      }
      if (reader_.peek() == '+') reader_.fail("has a possessive quantifier, which is not supported");
      reader_.take("?");  // which way it tries first does not change what it matches
      part = repeat(part, min, max);
    }
  }

  // {m}, {m,}, {m,n}; anything else in braces is a text.
  bool counts(uint32_t& min, uint32_t& max) {
    const size_t start = reader_.position();
    if (!reader_.take("{")) return false;
    if (const auto least = reader_.number(most_repeats)) {
      min = max = *least;
      if (reader_.take(",")) max = reader_.number(most_repeats).value_or(unbounded);
      if (reader_.take("}")) {
        if (max >= min) return true;
        reader_.go_back(start);
        reader_.fail("repeats from more to fewer");
      }
    }
    reader_.go_back(start);
    return false;
  }

  Anchored repeat(const Anchored& part, uint32_t min, uint32_t max) {
    if (!part.anchored()) return Anchored::plain(rules_.repeat(part.at[0][0], min, max));
    if (max > 1) reader_.fail("has an anchor inside of a repetition, which is not supported");
    if (max == 0) return Anchored::plain(rules_.empty());
    Anchored result = part;
    if (min == 0) result.at[0][0] = rules_.choice({rules_.empty(), result.at[0][0]});
    return result;
  }

  Anchored atom() {
    if (reader_.peek() == '(') return group();
    if (reader_.take("^")) return anchor(1, 0);
    if (reader_.take("$")) return anchor(0, 1);
    if (reader_.take(".")) return characters(not_line_ends());
    if (reader_.peek() == '[') return characters(parse_class(reader_));
    if (reader_.peek() == '\\') return escape();
    if (reader_.peek() == '*' || reader_.peek() == '+' || reader_.peek() == '?')
      reader_.fail("has a quantifier with nothing before it");
    const char32_t c = reader_.next();
    return characters({{c, c}});
  }

  Anchored anchor(size_t begin, size_t end) {
    Anchored result;
    result.at[begin][end] = rules_.empty();
    return result;
  }

  Anchored characters(const CodePointSet& set) { return Anchored::plain(rules_.characters(set, encoding_)); }

  Anchored group() {
    for (const auto* unsupported : {"(?=", "(?!", "(?<=", "(?<!", "(?>", "(?#", "(?("}) {
      if (reader_.rest().starts_with(unsupported))
        reader_.fail("has a group " + std::string(unsupported) + "...), which is not supported");
    }
    reader_.take("(");
    if (reader_.take("?P<") || reader_.take("?<")) {
      while (reader_.next() != '>') {
      }
    } else if (!reader_.take("?:") && reader_.peek() == '?') {
      reader_.fail("has flags in a group, which are not supported");
    }
    const Anchored inside = alternatives();
    if (!reader_.take(")")) reader_.fail("has a ( without a )");
    return inside;
  }

  Anchored escape() {
    if (reader_.take("\\A")) return anchor(1, 0);
    if (reader_.take("\\Z") || reader_.take("\\z")) return anchor(0, 1);
    for (const char* c = "bBGKkXRQE"; *c != 0; c++) {
      if (reader_.peek(1) == *c) reader_.fail("has \\" + std::string(1, *c) + ", which is not supported");
    }
    if (reader_.peek(1) >= '1' && reader_.peek(1) <= '9') reader_.fail("has a backreference, which is not supported");
    return characters(parse_escape(reader_));
  }

  Rules& rules_;
  Encoding encoding_;
  TextReader reader_;
  int depth_ = 0;
};

}  // namespace

ExpressionId parse_regex(Rules& rules, std::string_view regex, Match match, Encoding encoding) {
  const Anchored parsed = RegexParser(rules, regex, encoding).parse();
  const ExpressionId any = match == Match::Search
                               ? rules.repeat(rules.characters(CodePointSet::all(), encoding), 0, unbounded)
                               : rules.empty();
  std::vector<ExpressionId> ways;
  for (size_t begin : {0UL, 1UL}) {
    for (size_t end : {0UL, 1UL})
      ways.push_back(
          rules.sequence({begin == 1 ? rules.empty() : any, parsed.at[begin][end], end == 1 ? rules.empty() : any}));
  }
  return rules.choice(std::move(ways));
}

}  // namespace foretell::constrain
