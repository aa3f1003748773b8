// Texts whose ids the reference implementations gave (tokenizers 0.23, sentencepiece 0.2).
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "foretell/tokenizer.h"

using foretell::StreamDecoder;
using foretell::TokenId;
using foretell::Tokenizer;
using foretell::TokenSpan;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/tokenizers";

struct Case {
  std::string text;
  std::vector<TokenId> ids, plain;
  std::string decoded, decoded_without_special;
};

std::vector<Case> read_cases(const std::filesystem::path& path) {
  std::ifstream file(path);
  REQUIRE(file);
  std::vector<Case> cases;
  for (const auto& json : nlohmann::json::parse(file)) {
    const std::vector<TokenId> plain = json.at("ids_plain");
    cases.push_back({.text = json.at("text"),
                     .ids = json.value("ids", plain),
                     .plain = plain,
                     .decoded = json.at("decoded"),
                     .decoded_without_special = json.value("decoded_skip", std::string(json.at("decoded")))});
  }
  REQUIRE(cases.size() > 50);
  return cases;
}

std::string stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  StreamDecoder decoder(tokenizer);
  std::string text;
  for (TokenId id : ids) text += decoder.push(id);
  return text + decoder.finish();
}

// The ids of `spans`, which must be whole characters of the text and cover it together. `tokens`: how many are the
// text's own.
std::vector<TokenId> check_spans(const std::string& text, const std::vector<TokenSpan>& spans, size_t tokens) {
  std::vector<TokenId> ids;
  size_t covered = 0;
  const auto is_border = [&](size_t at) { return at == text.size() || (text[at] & 0xc0) != 0x80; };
  for (const TokenSpan& span : spans) {
    ids.push_back(span.id);
    CHECK(span.start <= span.end);
    CHECK(span.end <= text.size());
    CHECK((is_border(span.start) && is_border(span.end)));
    if (span.start < span.end) {
      CHECK(span.start <= covered);
      covered = std::max(covered, span.end);
    }
  }
  if (tokens > 0) CHECK(covered == text.size());
  return ids;
}

// Ids and offsets, to be compared.
std::vector<size_t> flat(const std::vector<TokenSpan>& spans) {
  std::vector<size_t> numbers;
  for (const TokenSpan& span : spans)
    numbers.insert(numbers.end(), {static_cast<size_t>(span.id), span.start, span.end});
  return numbers;
}

}  // namespace

TEST_CASE("texts in parts give the ids and offsets of the whole") {
  for (const auto& entry : std::filesystem::directory_iterator(golden)) {
    const Tokenizer tokenizer = Tokenizer::load(entry.path());
    std::string all;
    for (const Case& c : read_cases(entry.path() / "cases.json")) {
      INFO(entry.path().filename() << ": " << c.text);
      all += c.text;
      for (const size_t bytes : {0u, 1u, 3u, 7u}) CHECK(tokenizer.encode(c.text, {.part_bytes = bytes}) == c.ids);
    }
    const auto whole = tokenizer.encode(all, {.part_bytes = all.size()});
    const auto whole_spans = flat(tokenizer.encode_with_offsets(all, {.part_bytes = all.size()}));
    for (size_t bytes = 1; bytes < all.size(); bytes += bytes / 3 + 1) {
      INFO(entry.path().filename() << ", parts of " << bytes);
      CHECK(tokenizer.encode(all, {.part_bytes = bytes}) == whole);
      CHECK(flat(tokenizer.encode_with_offsets(all, {.part_bytes = bytes})) == whole_spans);
    }
  }
}

TEST_CASE("tokenizers give the reference's ids and texts") {
  size_t tokenizers = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden)) {
    const Tokenizer tokenizer = Tokenizer::load(entry.path());
    ++tokenizers;
    for (const Case& c : read_cases(entry.path() / "cases.json")) {
      INFO(entry.path().filename() << ": " << c.text);
      CHECK(tokenizer.encode(c.text) == c.ids);
      CHECK(tokenizer.encode(c.text, {.add_special = false}) == c.plain);
      CHECK(tokenizer.decode(c.ids) == c.decoded);
      CHECK(tokenizer.decode(c.ids, true) == c.decoded_without_special);
      CHECK(stream(tokenizer, c.ids) == c.decoded);
      CHECK(check_spans(c.text, tokenizer.encode_with_offsets(c.text), c.plain.size()) == c.ids);
    }
  }
  CHECK(tokenizers >= 18);
}
