#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace foretell::tokenization {
namespace {

size_t before_white_space(std::string_view text, size_t end) {
  while (end > 0) {
    const size_t begin = previous_character(text, end);
    size_t at = begin;
    if (!is_white_space(next_character(text, at))) break;
    end = begin;
  }
  return end;
}

size_t behind_white_space(std::string_view text, size_t begin) {
  for (size_t at = begin; at < text.size(); begin = at) {
    if (!is_white_space(next_character(text, at))) break;
  }
  return begin;
}

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  if (begin > 0) {
    size_t at = previous_character(text, begin);
    if (is_word(next_character(text, at))) return false;
  }
  return end == text.size() || !is_word(next_character(text, end));
}

// Whether one of the ranges, which are in order, has a byte of `part`.
bool overlaps(std::span<const Origin> ranges, Origin part) {
  const auto ends_before = [](const Origin& range, size_t at) { return range.end <= at; };
  const auto range = std::lower_bound(ranges.begin(), ranges.end(), part.start, ends_before);
  return range != ranges.end() && range->start < part.end;
}

}  // namespace

void StringMatcher::finish() {
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.text < b.text; });
  entries_.erase(
      std::unique(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.text == b.text; }),
      entries_.end());
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    Range& range = by_first_[static_cast<unsigned char>(entries_[i].text[0])];
    if (range.end == 0) range.begin = i;
    range.end = i + 1;
  }
}

bool StringMatcher::find(std::string_view text, size_t from, Found& found, const Accept* accept) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    Range range = by_first_[static_cast<unsigned char>(text[begin])];
    // The entries that agree with the text so far are a range of the sorted list; the one that ends here is its first.
    const Entry* longest = nullptr;
    for (size_t length = 1; range.begin < range.end; ++length) {
      if (const Entry& entry = entries_[range.begin]; entry.text.size() == length) {
        if (!accept || (*accept)({begin, begin + length, entry.id})) longest = &entry;
        ++range.begin;
      }
      if (begin + length == text.size()) break;
      const char next = text[begin + length];
      const auto less = [&](const Entry& entry, char c) {
        return static_cast<unsigned char>(entry.text[length]) < static_cast<unsigned char>(c);
      };
      const auto greater = [&](char c, const Entry& entry) {
        return static_cast<unsigned char>(c) < static_cast<unsigned char>(entry.text[length]);
      };
      const auto first = entries_.begin();
      const auto low = std::lower_bound(first + range.begin, first + range.end, next, less);
      const auto high = std::upper_bound(low, first + range.end, next, greater);
      range = {static_cast<uint32_t>(low - first), static_cast<uint32_t>(high - first)};
    }
    if (longest) {
      found = {begin, begin + longest->text.size(), longest->id};
      return true;
    }
  }
  return false;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Vocabulary& model, const Normalizer* normalizer) {
  auto next_id = static_cast<TokenId>(model.size());
  for (AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    auto id = names_.find(token.content);
    if (!id) id = model.find(token.content);
    if (!id) id = next_id++;
    names_.add(token.content, *id);
    if (token.special) special_.add(token.content, *id);
    if (static_cast<size_t>(*id) >= index_of_id_.size()) index_of_id_.resize(static_cast<size_t>(*id) + 1, -1);
    int32_t& index = index_of_id_[static_cast<size_t>(*id)];
    if (index < 0) {
      index = static_cast<int32_t>(tokens_.size());
      tokens_.push_back(std::move(token));
    } else {
      tokens_[static_cast<size_t>(index)] = std::move(token);
    }
  }
  decoded_.resize(tokens_.size());
  for (size_t id = 0; id < index_of_id_.size(); ++id) {
    if (index_of_id_[id] < 0) continue;
    const AddedToken& token = tokens_[static_cast<size_t>(index_of_id_[id])];
    std::string& name = decoded_[static_cast<size_t>(index_of_id_[id])];
    name = token.content;
    if (token.normalized && normalizer) name = normalizer->normalize({.text = token.content}, false).piece().text;
    if (!name.empty()) matchers_[token.normalized].add(name, static_cast<TokenId>(id));
  }
  for (StringMatcher& matcher : matchers_) matcher.finish();
}

void AddedTokens::cut(const Piece& piece, bool normalized, const SpecialParsing& special, OnToken on_token,
                      PieceSink on_text) const {
  const StringMatcher& matcher = matchers_[normalized];
  const std::string_view text = piece.text;
  size_t done = 0;
  StringMatcher::Found found{};
  const auto accept_found = [&](const StringMatcher::Found& one) {
    return !is_special(one.id) || !overlaps(special.plain, piece.origin(one.begin, one.end));
  };
  const StringMatcher::Accept accept(accept_found);
  const auto find_next = [&](size_t from) {
    return !matcher.empty() && matcher.find(text, from, found, special.plain.empty() ? nullptr : &accept);
  };
  for (size_t from = 0; find_next(from); from = found.end) {
    const AddedToken& added = token(found.id);
    if (!special.anywhere && special_.find(added.content)) continue;
    if (added.single_word && !stands_alone(text, found.begin, found.end)) continue;
    const size_t begin = added.lstrip ? std::max(before_white_space(text, found.begin), done) : found.begin;
    const size_t end = added.rstrip ? behind_white_space(text, found.end) : found.end;
    if (done < begin) on_text(piece.slice(done, begin));
    // A token can lie in the white space that the one before it took.
    if (begin < end) on_token(found.id, piece.slice(begin, end));
    done = end;
  }
  if (done < text.size()) on_text(piece.slice(done, text.size()));
}

std::vector<AddedToken> read_added_tokens(const JsonNode& node) {
  std::vector<AddedToken> tokens;
  for (const JsonNode& item : node.items()) {
    item.get("id").integer(0, largest_id);
    tokens.push_back({.content = std::string(item.get("content").string()),
                      .single_word = item.get("single_word").boolean(),
                      .lstrip = item.get("lstrip").boolean(),
                      .rstrip = item.get("rstrip").boolean(),
                      .normalized = item.get("normalized").boolean(),
                      .special = item.get("special").boolean()});
  }
  return tokens;
}

}  // namespace foretell::tokenization
