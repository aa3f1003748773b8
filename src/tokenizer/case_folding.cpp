#include "tokenizer/case_folding.h"

#include <algorithm>

namespace foretell::tokenization {
namespace {

// The full foldings (CaseFolding.txt, status F) to ASCII letters, the longest first.
struct Folding {
  std::string_view letters;
  std::string_view ligatures[2];
};
constexpr Folding foldings[] = {{"ffi", {"\ufb03", "\ufb03"}}, {"ffl", {"\ufb04", "\ufb04"}},
                                {"ss", {"\u00df", "\u1e9e"}},  {"st", {"\ufb05", "\ufb06"}},
                                {"ff", {"\ufb00", "\ufb00"}},  {"fi", {"\ufb01", "\ufb01"}},
                                {"fl", {"\ufb02", "\ufb02"}}};

bool begins_with_letters(std::string_view text, std::string_view letters) {
  return text.size() >= letters.size() &&
         std::equal(letters.begin(), letters.end(), text.begin(), [](char a, char b) { return a == (b | 0x20); });
}

}  // namespace

CaselessLiteral caseless_literal(std::string_view literal) {
  for (const Folding& folding : foldings) {
    size_t length = begins_with_letters(literal, folding.letters) ? folding.letters.size() : 0;
    for (const std::string_view ligature : folding.ligatures) {
      if (literal.starts_with(ligature)) length = ligature.size();
    }
    if (length == 0) continue;
    std::string expression = "(?:" + std::string(folding.letters);
    for (const std::string_view ligature : folding.ligatures) expression += "|" + std::string(ligature);
    return {expression + ")", length};
  }
  return {};
}

}  // namespace foretell::tokenization
