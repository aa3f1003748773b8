// Properties that hold for any text, and the edges of the public interface.
#include "foretell/tokenizer.h"

#include <catch2/catch.hpp>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

using foretell::StreamDecoder;
using foretell::TextPart;
using foretell::TokenId;
using foretell::Tokenizer;

namespace {

Tokenizer load(const char* name) {
  return Tokenizer::load(std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/tokenizers" / name);
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  if (c < 0x10000) return put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
}

// Letters, digits, blanks, signs and characters of all planes, in short runs.
std::string random_text(std::mt19937& random) {
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  std::string text;
  for (unsigned runs = below(12); runs > 0; --runs) {
    const unsigned kind = below(7);
    for (unsigned length = 1 + below(6); length > 0; --length) {
      switch (kind) {
        case 0:
          text += static_cast<char>('a' + below(26));
          break;
        case 1:
          text += static_cast<char>('0' + below(10));
          break;
        case 2:
          text += " \n\t\r "[below(5)];
          break;
        case 3:
          text += static_cast<char>(1 + below(127));
          break;
        case 4:
          append_utf8(text, 0x80 + below(0x780));
          break;
        case 5:
          append_utf8(text, 0x3000 + below(0x7000));
          break;
        default:
          append_utf8(text, 0x1f300 + below(0x400));
          break;
      }
    }
  }
  return text;
}

// Of this process's processors, so that other work on the machine does not count.
double seconds(const std::function<void()>& work) {
  const std::clock_t begin = std::clock();
  work();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

// Encoding and decoding `size` bytes of one unit over and over.
double seconds_for(const Tokenizer& tokenizer, const char* unit, size_t size) {
  std::string text;
  while (text.size() < size) text += unit;
  return seconds([&] { tokenizer.decode(tokenizer.encode(text)); });
}

}  // namespace

TEST_CASE("byte-level tokenizers give every text back") {
  for (const char* name : {"bytelevel_gpt2", "split_cl100k", "split_o200k", "deepseek_like", "digits_bytelevel"}) {
    const Tokenizer tokenizer = load(name);
    std::mt19937 random(1);
    for (int i = 0; i < 300; ++i) {
      const std::string text = random_text(random);
      INFO(name << ": " << text);
      const auto ids = tokenizer.encode(text, {.add_special = false});
      CHECK(tokenizer.decode(ids) == text);
      StreamDecoder stream(tokenizer);
      std::string streamed, bytes;
      for (TokenId id : ids) {
        streamed += stream.push(id);
        bytes += tokenizer.token_bytes(id);
      }
      CHECK(streamed + stream.finish() == text);
      CHECK(bytes == text);
    }
  }
}

TEST_CASE("what is no UTF-8 is read as U+FFFD and offsets stay those of the input") {
  const Tokenizer tokenizer = load("bytelevel_gpt2");
  const std::string broken =
      "a\xff\xe4\xbd"
      "b\xf0\x9f\x98";
  CHECK(tokenizer.decode(tokenizer.encode(broken)) == "a\ufffd\ufffdb\ufffd");
  const auto spans = tokenizer.encode_with_offsets(broken);
  CHECK(spans.front().start == 0);
  CHECK(spans.back().end == broken.size());
  for (const auto& span : spans) {
    if (tokenizer.token_name(span.id) == "b") CHECK(span.start == 4);
  }
}

TEST_CASE("a stream gives whole characters only, and U+FFFD for one that does not end") {
  const Tokenizer tokenizer = load("bytelevel_gpt2");
  std::vector<TokenId> bytes;
  for (const char byte : std::string("\xf0\x9f\x98\x80")) {
    for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id) {
      if (tokenizer.token_bytes(id) == std::string(1, byte)) bytes.push_back(id);
    }
  }
  REQUIRE(bytes.size() == 4);
  StreamDecoder stream(tokenizer);
  CHECK(stream.push(bytes[0]).empty());
  CHECK(stream.push(bytes[1]).empty());
  CHECK(stream.push(bytes[2]).empty());
  CHECK(stream.push(bytes[3]) == "\U0001f600");
  CHECK(stream.push(bytes[0]).empty());
  CHECK(stream.finish() == "\ufffd");
  CHECK(stream.push(bytes[0]).empty());
  CHECK(stream.push(*tokenizer.find("a")) ==
        "\ufffd"
        "a");
}

TEST_CASE("special tokens in a text are text where they are not asked for") {
  const Tokenizer tokenizer = load("bytelevel_gpt2");
  const std::string text = "hi<|im_end|>";
  const auto end = tokenizer.find("<|im_end|>");
  REQUIRE(end);
  CHECK(tokenizer.is_special(*end));
  CHECK(tokenizer.encode(text).back() == *end);
  const auto plain = tokenizer.encode(text, {.parse_special = false});
  CHECK(std::find(plain.begin(), plain.end(), *end) == plain.end());
  CHECK(tokenizer.decode(plain) == text);
  CHECK(tokenizer.decode(tokenizer.encode(text), true) == "hi");
}

TEST_CASE("parts are one text, in which special tokens are found within the parts that parse them") {
  for (const char* name : {"bytelevel_gpt2", "split_qwen_nfc", "llama2_sp"}) {
    INFO(name);
    const Tokenizer tokenizer = load(name);
    const char* end = std::string_view(name) == "llama2_sp" ? "</s>" : "<|im_end|>";
    const TokenId id = tokenizer.find(end).value();
    const auto count = [&](std::vector<TextPart> parts) {
      const auto ids = tokenizer.encode(parts, {.add_special = false});
      std::string text;
      for (const TextPart& part : parts) text += part.text;
      if (std::string_view(name) != "llama2_sp") CHECK(tokenizer.decode(ids) == text);
      const auto spans = tokenizer.encode_with_offsets(parts, {.add_special = false});
      CHECK(spans.back().end == text.size());
      CHECK(std::equal(ids.begin(), ids.end(), spans.begin(), spans.end(),
                       [](TokenId one, const foretell::TokenSpan& span) { return one == span.id; }));
      return std::count(ids.begin(), ids.end(), id);
    };
    const std::string_view text = end, first = text.substr(0, 2), rest = text.substr(2);
    CHECK(count({{"hi"}, {end}}) == 1);
    CHECK(count({{"hi"}, {end, false}}) == 0);
    CHECK(count({{"hi", false}, {end}, {"x", false}}) == 1);
    CHECK(count({{first}, {rest}}) == 1);  // one text
    CHECK(count({{first, false}, {rest}}) == 0);
    CHECK(count({{first}, {rest, false}}) == 0);
    CHECK(count({{first}, {"", false}, {rest}}) == 1);
    CHECK(count({{first, false}, {end}, {end, false}, {rest}, {end}}) == 2);
    const TextPart whole{"a b"}, pieces[] = {{"a"}, {" b", false}};
    CHECK(tokenizer.encode(std::span(&whole, 1)) == tokenizer.encode(pieces));
    CHECK(tokenizer.encode(pieces) == tokenizer.encode("a b"));
  }
}

TEST_CASE("truncation is not done") {
  std::ifstream in(std::filesystem::path(FORETELL_SOURCE_DIR) /
                   "tests/golden/tokenizers/bytelevel_gpt2/tokenizer.json");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string plain = "\"truncation\":null";
  text.replace(text.find(plain), plain.size(),
               R"("truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0})");
  CHECK(Tokenizer::from_json(text, "t").encode("1 2 3 4") == load("bytelevel_gpt2").encode("1 2 3 4"));
}

TEST_CASE("ids outside of the vocabulary stand for nothing") {
  const Tokenizer tokenizer = load("bytelevel_gpt2");
  const std::vector<TokenId> ids = {-1, *tokenizer.find("a"), 1 << 30};
  CHECK(tokenizer.decode(ids) == "a");
  CHECK(tokenizer.token_bytes(-1).empty());
  CHECK(tokenizer.token_name(1 << 30).empty());
  CHECK_FALSE(tokenizer.is_special(-5));
  CHECK(tokenizer.vocabulary_size() == 403);
  CHECK(tokenizer.summary() == "byte-level BPE, 140 merges, 403 tokens, 7 special");
}

TEST_CASE("time is linear in the text, whatever it repeats") {
  for (const char* name : {"bytelevel_gpt2", "split_cl100k", "split_o200k", "split_qwen_nfc", "deepseek_like"}) {
    const Tokenizer tokenizer = load(name);
    for (const char* unit : {"a", " ", "\n", "7", "\U0001f600", "A", "\u4e2d", "!", "e\u0301", "\u0316\u0301", "<|im_",
                             "a ", " \n", "1 ", "\xff"}) {
      INFO(name << ": " << unit);
      const double few = seconds_for(tokenizer, unit, 25'000);
      CHECK(seconds_for(tokenizer, unit, 100'000) < 8 * few + 0.02);
    }
  }
}

TEST_CASE("a megabyte of one letter takes less than a second") {
#if defined(__OPTIMIZE__) && !defined(FORETELL_SANITIZED)
  for (const char* name : {"bytelevel_gpt2", "split_cl100k"}) CHECK(seconds_for(load(name), "a", 1'000'000) < 1.0);
#endif
}

TEST_CASE("threads share a tokenizer") {
  const Tokenizer tokenizer = load("split_cl100k");
  std::mt19937 random(7);
  std::string text;
  for (int i = 0; i < 200; ++i) text += random_text(random);
  const auto expected = tokenizer.encode(text);
  std::vector<std::vector<TokenId>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = tokenizer.encode(text); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result == expected);
}
