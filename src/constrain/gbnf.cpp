#include "constrain/gbnf.h"

#include <map>

#include "base/near_names.h"
#include "constrain/text_reader.h"

namespace foretell::constrain {
namespace {

constexpr int most_nested = 200;
constexpr uint32_t most_repeats = 1'000'000'000;

class GbnfParser {
 public:
  GbnfParser(std::string_view text, const std::string& file) : reader_(text, "the grammar", file), file_(file) {}

  Rules parse() {
    for (skip_blanks(true); !reader_.done(); skip_blanks(true)) rule();
    const auto root = known_.find("root");
    if (root == known_.end() || !root->second.defined)
      throw Error({.what = "the grammar has no rule root, where it would start", .file = file_});
    std::vector<std::string> names;
    for (const auto& [name, known] : known_) {
      if (known.defined) names.push_back(name);
    }
    for (const auto& [name, known] : known_) {
      if (!known.defined)
        throw Error({.what = "the grammar uses a rule that it does not define: " + name,
                     .file = file_,
                     .where = known.first_use,
                     .hint = did_you_mean(name, names)});
    }
    rules_.set_root(rules_.rule(root->second.id));
    return std::move(rules_);
  }

 private:
  struct Known {
    RuleId id = 0;
    bool defined = false;
    std::string first_use;
  };

  Known& known(const std::string& name) {
    const auto [place, added] = known_.try_emplace(name);
    if (added) place->second = {rules_.add_rule(name), false, reader_.place()};
    return place->second;
  }

  // Blanks and comments; across lines only where nothing ends with the line.
  void skip_blanks(bool lines) {
    while (true) {
      const char c = reader_.peek();
      if (c == '#') {
        while (!reader_.done() && reader_.peek() != '\n' && reader_.peek() != '\r') reader_.next();
      } else if (!reader_.done() && (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r')))) {
        reader_.next();
      } else {
        return;
      }
    }
  }

  static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }

  std::string name() {
    const size_t start = reader_.position();
    std::string result;
    while (is_name(reader_.peek())) result += static_cast<char>(reader_.next());
    reader_.go_back(start);
    if (result.empty()) reader_.fail("has something else where a rule should begin", "a name");
    return result;
  }

  void rule() {
    const std::string rule_name = name();
    if (known(rule_name).defined) reader_.fail("defines a rule twice: " + rule_name);
    reader_.take(rule_name);
    skip_blanks(false);
    if (!reader_.take("::=")) reader_.fail("has no ::= behind the name of a rule", "::=");
    skip_blanks(true);
    const ExpressionId body = alternatives(false);
    Known& defined = known(rule_name);
    rules_.define(defined.id, body);
    defined.defined = true;
    if (!reader_.done() && reader_.peek() != '\n' && reader_.peek() != '\r')
      reader_.fail("has something that belongs to no rule", "a symbol or the end of the line");
  }

  ExpressionId alternatives(bool nested) {
    if (++depth_ > most_nested) reader_.fail("is nested too deeply", "at most " + std::to_string(most_nested));
    std::vector<ExpressionId> choices = {sequence(nested)};
    while (reader_.take("|")) {
      skip_blanks(true);
      choices.push_back(sequence(nested));
    }
    depth_--;
    return rules_.choice(std::move(choices));
  }

  ExpressionId sequence(bool nested) {
    std::vector<ExpressionId> parts;
    while (true) {
      const char c = reader_.peek();
      if (c == '"') {
        parts.push_back(text());
      } else if (c == '[') {
        parts.push_back(character_class());
      } else if (c == '(') {
        parts.push_back(group());
      } else if (reader_.take(".")) {
        parts.push_back(rules_.characters(CodePointSet::all()));
      } else if (is_name(c)) {
        parts.push_back(reference());
      } else if (c == '<' || c == '!') {
        reader_.fail("names a token, which is not supported", "characters");
      } else {
        return rules_.sequence(std::move(parts));
      }
      skip_blanks(nested);
      while (repetition(parts.back())) skip_blanks(nested);
    }
  }

  ExpressionId reference() {
    const std::string rule_name = name();
    const RuleId id = known(rule_name).id;
    reader_.take(rule_name);
    return rules_.rule(id);
  }

  ExpressionId group() {
    reader_.take("(");
    skip_blanks(true);
    const ExpressionId inside = alternatives(true);
    if (!reader_.take(")")) reader_.fail("has a ( without a )", ")");
    return inside;
  }

  char32_t character() {
    if (!reader_.take("\\")) return reader_.next();
    const char32_t c = reader_.next();
    switch (c) {
      case 'x':
        return reader_.hexadecimal(2);
      case 'u':
        return reader_.hexadecimal(4);
      case 'U':
        return reader_.hexadecimal(8);
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'n':
        return '\n';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '^':
      case '-':
        return c;
      default:
        reader_.fail("has an unknown escape", "\\x \\u \\U \\t \\r \\n \\\\ \\\" \\[ \\] \\^ or \\-");
    }
  }

  ExpressionId text() {
    reader_.take("\"");
    std::string utf8;
    while (!reader_.take("\"")) tokenization::append_utf8(utf8, character());
    return rules_.literal(utf8);
  }

  ExpressionId character_class() {
    reader_.take("[");
    const bool negated = reader_.take("^");
    CodePointSet set;
    while (!reader_.take("]")) {
      const size_t start = reader_.position();
      const char32_t first = character();
      char32_t last = first;
      if (reader_.peek() == '-' && reader_.peek(1) != ']') {
        reader_.take("-");
        last = character();
      }
      if (last < first) {
        reader_.go_back(start);
        reader_.fail("has a range from a later to an earlier character");
      }
      set.add(first, last);
    }
    return rules_.characters(negated ? set.complement() : set);
  }

  bool repetition(ExpressionId& part) {
    uint32_t min = 0, max = unbounded;
    if (reader_.take("?")) {
      max = 1;
    } else if (reader_.take("+")) {
      min = 1;
    } else if (reader_.take("{")) {
      counts(min, max);
    } else if (!reader_.take("*")) {
      return false;
    }
    part = rules_.repeat(part, min, max);
    return true;
  }

  // What stands in braces.
  void counts(uint32_t& min, uint32_t& max) {
    skip_blanks(false);
    const auto least = reader_.number(most_repeats);
    skip_blanks(false);
    if (!least && reader_.peek() != ',') reader_.fail("has braces without a number", "{m}, {m,} or {m,n}");
    min = max = least.value_or(0);
    if (reader_.take(",")) {
      skip_blanks(false);
      max = reader_.number(most_repeats).value_or(unbounded);
      skip_blanks(false);
    }
    if (!reader_.take("}")) reader_.fail("has a { without a }", "{m}, {m,} or {m,n}");
    if (max < min) reader_.fail("repeats from more to fewer");
  }

  TextReader reader_;
  std::string file_;
  Rules rules_;
  std::map<std::string, Known> known_;
  int depth_ = 0;
};

}  // namespace

Rules parse_gbnf(std::string_view text, const std::string& file) { return GbnfParser(text, file).parse(); }

}  // namespace foretell::constrain
