#include "tokenizer/unicode_sets.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdio>
#include <utility>

#include "tokenizer/unicode_data.h"

namespace foretell::tokenization {
namespace {

// Unicode's White_Space. PCRE2's \s has U+180E too.
constexpr char white_space[] =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
// Letters in circles and squares: Alphabetic, though no letters. The upper case ones are Uppercase too.
constexpr char circled[] = "\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}";
constexpr char upper_circled[] =
    "\\x{2160}-\\x{216f}\\x{24b6}-\\x{24cf}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}";
// \w has these beyond [[:word:]].
constexpr char latin1_numbers[] = "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";

std::string range(char32_t first, char32_t last) {
  char text[32];
  std::snprintf(text, sizeof text, first == last ? "\\x{%x}" : "\\x{%x}-\\x{%x}", static_cast<unsigned>(first),
                static_cast<unsigned>(last));
  return text;
}

std::string ranges(std::span<const CharacterRange> rows) {
  std::string items;
  for (const CharacterRange& row : rows) items += range(row.first, row.last);
  return items;
}

// General categories, by their first letters: "L", "Nd".
std::string category(std::initializer_list<std::string_view> names) {
  std::string items;
  for (const std::string_view name : names) items += "\\p{" + std::string(name) + "}";
  for (const CategoryRange& row : category_data) {
    for (const std::string_view name : names) {
      if (std::string_view(row.category).starts_with(name)) items += range(row.first, row.last);
    }
  }
  return items;
}

std::string posix(std::string_view name) {
  if (name == "alnum") return category({"L", "Nl", "Nd"}) + circled + ranges(alphabetic_marks_data);
  if (name == "alpha" || name == "alphabetic") return category({"L", "Nl"}) + circled + ranges(alphabetic_marks_data);
  if (name == "any") return "\\x{0}-\\x{10ffff}";
  if (name == "ascii") return "\\x{0}-\\x{7f}";
  if (name == "blank") return "\\x{9}\\p{Zs}";
  if (name == "cntrl") return "\\p{Cc}";
  if (name == "digit") return category({"Nd"});
  if (name == "graph") return category({"L", "M", "N", "P", "S", "Cf", "Co"});
  if (name == "lower" || name == "lowercase") return category({"Ll"}) + ranges(other_lowercase_data);
  if (name == "print") return category({"L", "M", "N", "P", "S", "Cf", "Co", "Zs"});
  if (name == "punct") return category({"P", "S"});
  if (name == "space" || name == "whitespace") return white_space;
  if (name == "upper" || name == "uppercase") return category({"Lu"}) + upper_circled;
  if (name == "word") return category({"L", "M", "Nd", "Nl", "Pc"}) + circled;
  if (name == "wordescape") return posix("word") + latin1_numbers;
  if (name == "xdigit") return "0-9A-Fa-f";
  return {};
}

constexpr std::pair<std::string_view, std::string_view> categories[] = {
    {"other", "C"},
    {"control", "Cc"},
    {"format", "Cf"},
    {"unassigned", "Cn"},
    {"privateuse", "Co"},
    {"surrogate", "Cs"},
    {"letter", "L"},
    {"casedletter", "L&"},
    {"lc", "L&"},
    {"lowercaseletter", "Ll"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"titlecaseletter", "Lt"},
    {"uppercaseletter", "Lu"},
    {"mark", "M"},
    {"combiningmark", "M"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"nonspacingmark", "Mn"},
    {"number", "N"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"punctuation", "P"},
    {"connectorpunctuation", "Pc"},
    {"dashpunctuation", "Pd"},
    {"closepunctuation", "Pe"},
    {"finalpunctuation", "Pf"},
    {"initialpunctuation", "Pi"},
    {"otherpunctuation", "Po"},
    {"openpunctuation", "Ps"},
    {"symbol", "S"},
    {"currencysymbol", "Sc"},
    {"modifiersymbol", "Sk"},
    {"mathsymbol", "Sm"},
    {"othersymbol", "So"},
    {"separator", "Z"},
    {"lineseparator", "Zl"},
    {"paragraphseparator", "Zp"},
    {"spaceseparator", "Zs"},
};

// In small letters and without blanks, _ and -; empty where other characters are in it.
std::string simplified(std::string_view name) {
  std::string plain;
  for (char c : name) {
    if (c == ' ' || c == '_' || c == '-') continue;
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!letter && !(c >= '0' && c <= '9')) return {};
    plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  }
  return plain;
}

bool compiles(const std::string& pattern) {
  int error = 0;
  size_t offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP,
                                   &error, &offset, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

}  // namespace

std::string class_items_of(std::string_view name) {
  std::string plain = simplified(name);
  if (plain.empty()) return {};
  if (std::string items = posix(plain); !items.empty()) return items;
  if (plain.size() <= 2 && plain != "lc") {
    // PCRE2 wants general categories in their own case: Lu, not lu.
    plain[0] = static_cast<char>(plain[0] & ~0x20);
    return compiles("\\p{" + plain + "}") ? category({plain}) : std::string();
  }
  for (const auto& [key, short_name] : categories) {
    if (key == plain) return short_name == "L&" ? category({"Lu", "Ll", "Lt"}) : category({short_name});
  }
  // PCRE2 would take a bare name for the script's extensions, Oniguruma takes it for the script.
  for (const char* kind : {"sc:", ""}) {
    std::string items = "\\p{" + (kind + plain) + "}";
    if (!compiles(items)) continue;
    for (const ScriptRange& row : added_script_data) {
      if (*kind && simplified(row.script) == plain) items += range(row.first, row.last);
    }
    return items;
  }
  return {};
}

}  // namespace foretell::tokenization
