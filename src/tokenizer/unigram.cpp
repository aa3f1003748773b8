#include "tokenizer/unigram.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "foretell/error.h"
#include "tokenizer/byte_alphabet.h"

namespace foretell::tokenization {

struct Unigram::Workspace : WordWorkspace {
  // The best way to each place of the piece.
  struct Node {
    TokenId id = -1;
    double score = 0;
    size_t begin = std::string::npos;  // of the last token; npos: no way
  };
  std::vector<Node> nodes;
  std::vector<size_t> ends;
};

Unigram::Unigram(Vocabulary vocabulary, std::vector<double> scores, std::optional<TokenId> unknown, bool byte_fallback,
                 std::optional<double> sentencepiece_unknown)
    : vocabulary_(std::move(vocabulary)),
      scores_(std::move(scores)),
      unknown_(unknown),
      byte_fallback_(byte_fallback),
      sentencepiece_(sentencepiece_unknown.has_value()) {
  constexpr double unknown_penalty = 10;  // as in SentencePiece
  double least = std::numeric_limits<double>::infinity();
  for (double score : scores_) least = std::min(least, score);
  unknown_score_ = sentencepiece_unknown.value_or(least - unknown_penalty);
  for (unsigned byte = 0; byte < 256; ++byte) {
    byte_names_[byte] = vocabulary_.find(byte_name(static_cast<unsigned char>(byte))).value_or(-1);
  }
  trie_.reserve(scores_.size() * 4);
  for (TokenId id = 0; id < vocabulary_.id_limit(); ++id) {
    if (!std::isnan(scores_[static_cast<size_t>(id)])) trie_.add(vocabulary_.name(id), id);
  }
}

std::unique_ptr<ModelWorkspace> Unigram::make_workspace() const { return std::make_unique<Workspace>(); }

void Unigram::fail_unknown() {
  throw Error(
      {.what = "the text has an unknown character and the vocabulary no unknown token", .where = "model.unk_id"});
}

void Unigram::find_best_path(std::string_view text, Workspace& work) const {
  work.nodes.assign(text.size() + 1, {});
  const auto offer = [&](size_t begin, size_t end, TokenId id, double score) {
    Workspace::Node& node = work.nodes[end];
    const double exact = score + work.nodes[begin].score;
    const double total = sentencepiece_ ? static_cast<float>(exact) : exact;
    if (node.begin == std::string::npos || total > node.score) node = {id, total, begin};
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t next = begin + character_length(text[begin]);
    bool single = false;  // there is a token for this character alone
    uint32_t state = PrefixTrie::root;
    for (size_t end = begin; end < text.size();) {
      state = trie_.child(state, text[end++]);
      if (state == PrefixTrie::nowhere) break;
      if (trie_.id(state) < 0) continue;
      offer(begin, end, trie_.id(state), scores_[static_cast<size_t>(trie_.id(state))]);
      single = single || end == next;
    }
    if (!single) {
      if (!unknown_) fail_unknown();
      offer(begin, next, *unknown_, unknown_score_);
    }
    begin = next;
  }
}

void Unigram::append_token(std::string_view text, TokenId id, std::vector<Symbol>& symbols) const {
  if (id == unknown_) {
    // Several unknown characters in a row are one string.
    const auto known = sentencepiece_ ? std::nullopt : vocabulary_.find(text);
    const auto has_byte = [&](char c) { return byte_names_[static_cast<unsigned char>(c)] >= 0; };
    if (!known && byte_fallback_ && std::all_of(text.begin(), text.end(), has_byte)) {
      for (char c : text) symbols.push_back({byte_names_[static_cast<unsigned char>(c)], 1});
      return;
    }
    id = known.value_or(id);
  }
  symbols.push_back({id, static_cast<uint32_t>(text.size())});
}

void Unigram::encode(std::string_view text, WordWorkspace& workspace) const {
  auto& work = static_cast<Workspace&>(workspace);
  find_best_path(text, work);
  std::vector<size_t>& ends = work.ends;  // of the tokens, the last one first
  ends.clear();
  for (size_t end = text.size(); end > 0; end = work.nodes[end].begin) ends.push_back(end);
  size_t begin = 0;
  for (size_t i = ends.size(); i-- > 0;) {
    const TokenId id = work.nodes[ends[i]].id;
    const bool goes_on = id == unknown_ && i > 0 && work.nodes[ends[i - 1]].id == unknown_;
    if (goes_on) continue;
    append_token(text.substr(begin, ends[i] - begin), id, work.symbols);
    begin = ends[i];
  }
}

namespace {

// The reference's reader of numbers (serde_json) takes the digits as an integer and divides it by a power of ten, and
// so may miss the nearest number by a bit. Where two ways to cut a text are equally likely, that bit decides.
double as_reference_reads(double exact) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, exact, std::chars_format::scientific).ptr;
  uint64_t digits = 0;
  int exponent = 0;
  const char* at = text;
  for (bool fraction = false; at < end && *at != 'e'; ++at) {
    if (*at == '.') fraction = true;
    if (*at < '0' || *at > '9') continue;
    digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    exponent -= fraction;
  }
  int written = 0;
  std::from_chars(at + (end - at > 1 && at[1] == '+' ? 2 : 1), end, written);
  exponent += written;
  // Powers beyond these are not exact, and no logarithm of a probability needs them.
  constexpr int largest = 22;
  if (exponent < -largest || exponent > largest) return exact;
  double power = 1;
  for (int i = 0; i < std::abs(exponent); ++i) power *= 10;
  const auto value = static_cast<double>(digits);
  return std::copysign(exponent < 0 ? value / power : value * power, exact);
}

}  // namespace

std::unique_ptr<Model> make_unigram(const JsonNode& node) {
  const JsonNode list = node.get("vocab");
  simdjson::dom::array array;
  if (list.element().get(array) != simdjson::SUCCESS) list.fail_type("an array");
  // Written for a tokenizer.model alone.
  std::optional<double> sentencepiece;
  if (const auto score = node.find("sentencepiece_unk_score")) sentencepiece = score->number();
  Vocabulary vocabulary;
  std::vector<double> scores;
  vocabulary.reserve(array.size(), array.size() * 8);
  for (const auto item : array) {
    const auto place = [&] {
      return JsonNode(item, list.place() + "[" + std::to_string(scores.size()) + "]", &list.file());
    };
    simdjson::dom::array pair;
    std::string_view name;
    double score = std::numeric_limits<double>::quiet_NaN();
    if (item.get(pair) != simdjson::SUCCESS || pair.size() != 2 || pair.at(0).get(name) != simdjson::SUCCESS ||
        (pair.at(1).get(score) != simdjson::SUCCESS && !(sentencepiece && pair.at(1).is_null()))) {
      place().fail("not an entry", "a name and a number");
    }
    if (static_cast<int64_t>(scores.size()) > largest_id) list.fail("the vocabulary is too large");
    vocabulary.add(name, static_cast<TokenId>(scores.size()));
    scores.push_back(sentencepiece ? score : as_reference_reads(score));
  }
  std::optional<TokenId> unknown;
  if (const auto id = node.find("unk_id")) {
    if (scores.empty()) list.fail("the vocabulary is empty");
    unknown = static_cast<TokenId>(id->integer(0, static_cast<int64_t>(scores.size()) - 1));
  }
  return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores), unknown,
                                   node.boolean("byte_fallback", false), sentencepiece);
}

}  // namespace foretell::tokenization
