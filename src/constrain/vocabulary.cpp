#include "constrain/vocabulary.h"

#include <algorithm>
#include <array>

#include "constrain/automaton.h"
#include "constrain/recognizer.h"
#include "tokenizer/utf8.h"

namespace foretell::constrain {
namespace {

using tokenization::Utf8Step;

constexpr size_t longest_token = 60'000;  // bytes; longer ones are never allowed

// Whether all characters are plain ones; the last may be open.
bool is_plain(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const auto c = static_cast<unsigned char>(bytes[at]);
    if (c < 0x80) {
      if (c < ' ' || c == '"' || c == '\\' || c == 0x7f) return false;
      at++;
      continue;
    }
    const Utf8Step step = tokenization::read_utf8(bytes.substr(at));
    if (step.kind == Utf8Step::Kind::Broken) return false;
    if (bytes.substr(at).starts_with("\u2028") || bytes.substr(at).starts_with("\u2029")) return false;
    at += step.length;
  }
  return true;
}

}  // namespace

Vocabulary::Vocabulary(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  const int64_t count = tokenizer.vocabulary_size();
  offsets_.reserve(static_cast<size_t>(count) + 1);
  text_.reserve(static_cast<size_t>(count) * 8);
  offsets_.push_back(0);
  for (TokenId id = 0; id < count; id++) {
    if (!tokenizer.is_special(id)) {
      const std::string bytes = tokenizer.token_bytes(id);
      if (bytes.size() <= longest_token) text_ += bytes, longest_ = std::max(longest_, bytes.size());
    }
    offsets_.push_back(text_.size());
  }
  std::array<std::vector<TokenTrie::Entry>, 4> parts;
  for (TokenId id = 0; id < count; id++) {
    const auto entry = bytes(id);
    if (entry.empty()) continue;
    const size_t part = (is_plain(entry) ? 0U : 1U) + (entry.size() <= Recognizer::near ? 0U : 2U);
    parts[part].push_back({entry, id});
  }
  for (size_t i = 0; i < parts.size(); i++)
    parts_.push_back({.plain = i % 2 == 0, .near = i < 2, .trie = TokenTrie(std::move(parts[i]))});
  find_characters();
  plain_ = plain_characters().intersect(characters_);
  for (Part& part : parts_) {
    if (part.plain) part.runs = std::make_shared<const RunTokens>(part.trie, plain_);
  }
}

void Vocabulary::find_characters() {
  std::array<bool, 256> alone{};  // bytes that are a token
  for (TokenId id = 0; id < static_cast<TokenId>(size()); id++) {
    const std::string_view token = bytes(id);
    if (token.size() == 1) alone[static_cast<uint8_t>(token[0])] = true;
    if (token.size() < 2 || token.size() > 4 || token.size() != tokenization::character_length(token[0])) continue;
    if (tokenization::read_utf8(token).kind != Utf8Step::Kind::Character) continue;
    size_t position = 0;
    characters_.add(tokenization::next_character(token, position));
  }
  for (char32_t c = 0; c < 0x80; c++) {
    if (alone[c]) characters_.add(c);
  }
  const auto writes = [&alone](char32_t first, char32_t last) {  // continuation bytes
    return std::all_of(alone.begin() + first, alone.begin() + last + 1, [](bool b) { return b; });
  };
  if (writes(0x80, 0xbf)) {
    for (char32_t lead = 0xc2; lead <= 0xf4; lead++) {
      if (!alone[lead]) continue;
      if (lead < 0xe0)
        characters_.add((lead & 0x1f) << 6, ((lead & 0x1f) << 6) + 0x3f);
      else if (lead < 0xf0)
        characters_.add(std::max(0x800U, (lead & 0x0f) << 12), ((lead & 0x0f) << 12) + 0xfff);
      else
        characters_.add(std::max(0x10000U, (lead & 0x07) << 18), ((lead & 0x07) << 18) + 0x3ffff);
    }
    return;
  }
  std::string utf8;
  for (char32_t c = 0x80; c <= 0x10ffff; c++) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    utf8.clear();
    tokenization::append_utf8(utf8, c);
    if (std::all_of(utf8.begin(), utf8.end(), [&](char b) { return alone[static_cast<uint8_t>(b)]; }))
      characters_.add(c);
  }
}

bool Vocabulary::spells(std::span<const TokenId> ids, std::string_view text) const {
  for (const TokenId id : ids) {
    const std::string_view token = bytes(id);
    if (token.empty() || !text.starts_with(token)) return false;
    text.remove_prefix(token.size());
  }
  return text.empty();
}

std::vector<TokenId> Vocabulary::encode(std::string_view text) const {
  constexpr EncodeOptions as_text{.add_special = false, .parse_special = false};
  std::vector<TokenId> ids = tokenizer_.encode(text, as_text);
  if (spells(ids, text)) return ids;
  // Some tokenizers put a blank before a text: let it go before something else.
  const std::string before = "\n";
  const std::vector<TokenId> first = tokenizer_.encode(before, as_text);
  ids = tokenizer_.encode(before + std::string(text), as_text);
  if (ids.size() > first.size() && std::equal(first.begin(), first.end(), ids.begin())) {
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(first.size()));
    if (spells(ids, text)) return ids;
  }
  return fewest(text).value_or(std::vector<TokenId>());
}

std::optional<std::vector<TokenId>> Vocabulary::fewest(std::string_view text) const {
  constexpr uint32_t none = UINT32_MAX;
  struct Best {
    uint32_t tokens = none;
    TokenId first = 0;
  };
  std::vector<Best> best(text.size() + 1);  // for the text from each place on
  best[text.size()].tokens = 0;
  for (size_t from = text.size(); from-- > 0;) {
    for (const Part& part : parts_) {
      uint32_t node = 0;
      for (size_t to = from; to < text.size();) {
        node = part.trie.child(node, static_cast<uint8_t>(text[to++]));
        if (node == 0) break;
        const auto tokens = part.trie.tokens_of(node, node + 1);
        if (tokens.empty() || best[to].tokens == none || best[to].tokens + 1 > best[from].tokens) continue;
        best[from] = {best[to].tokens + 1, tokens[0]};  // the longest of equals
      }
    }
  }
  if (best[0].tokens == none) return {};
  std::vector<TokenId> ids;
  for (size_t at = 0; at < text.size(); at += bytes(ids.back()).size()) ids.push_back(best[at].first);
  return ids;
}

}  // namespace foretell::constrain
