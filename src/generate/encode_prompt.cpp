#include <algorithm>

#include "foretell/generate.h"

namespace foretell {

std::vector<TokenSpan> encode_prompt(const Tokenizer& tokenizer, std::string_view text, bool special) {
  const TextPart part{.text = text};
  return encode_prompt(tokenizer, std::span(&part, 1), special);
}

std::vector<TokenSpan> encode_prompt(const Tokenizer& tokenizer, std::span<const TextPart> parts, bool special) {
  std::vector<TokenSpan> spans = tokenizer.encode_with_offsets(parts, {.add_special = special});
  if (!special) return spans;
  const auto added = [](const TokenSpan& span) { return span.start == span.end; };
  const auto same = [](const TokenSpan& x, const TokenSpan& y) { return x.id == y.id; };
  const auto first = std::find_if_not(spans.begin(), spans.end(), added);
  const auto before = first - spans.begin();
  if (before > 0 && spans.end() - first >= before && std::equal(spans.begin(), first, first, same)) {
    spans.erase(spans.begin(), first);
  }
  const auto last = std::find_if_not(spans.rbegin(), spans.rend(), added).base();  // behind the text's last token
  const auto after = spans.end() - last;
  if (after > 0 && last - spans.begin() >= after && std::equal(last, spans.end(), last - after, same)) {
    spans.erase(last, spans.end());
  }
  return spans;
}

std::vector<TokenId> prompt_ids(const Tokenizer& tokenizer, std::string_view text, bool special) {
  std::vector<TokenId> ids;
  for (const TokenSpan& span : encode_prompt(tokenizer, text, special)) ids.push_back(span.id);
  return ids;
}

}  // namespace foretell
