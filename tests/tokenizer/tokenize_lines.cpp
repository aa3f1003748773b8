// What scripts/fuzz-tokenizer talks to: for each line of JSON, a text or ids, one line with what a tokenizer makes of
// it.
//     tokenize_lines FOLDER
#include <iostream>
#include <nlohmann/json.hpp>

#include "foretell/error.h"
#include "foretell/tokenizer.h"

using foretell::StreamDecoder;
using foretell::TokenId;
using foretell::Tokenizer;

namespace {

std::string stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  StreamDecoder decoder(tokenizer);
  std::string text;
  for (TokenId id : ids) text += decoder.push(id);
  return text + decoder.finish();
}

// Whether the spans of a text's own tokens cover it; a text can become nothing.
bool covers(const Tokenizer& tokenizer, const std::string& text, const std::vector<TokenId>& plain) {
  const auto spans = tokenizer.encode_with_offsets(text, {.add_special = false});
  size_t covered = 0;
  if (spans.size() != plain.size()) return false;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].id != plain[i] || spans[i].start > covered || spans[i].end < spans[i].start) return false;
    covered = std::max(covered, spans[i].end);
  }
  return covered == text.size() || spans.empty();
}

nlohmann::json answer(const Tokenizer& tokenizer, const nlohmann::json& question) {
  nlohmann::json result;
  std::vector<TokenId> ids;
  if (question.is_string()) {
    const std::string text = question;
    ids = tokenizer.encode(text);
    const auto plain = tokenizer.encode(text, {.add_special = false});
    result["ids"] = ids;
    result["plain"] = plain;
    result["unparsed"] = tokenizer.encode(text, {.add_special = false, .parse_special = false});
    result["covers"] = covers(tokenizer, text, plain);
    result["parts"] = tokenizer.encode(text, {.part_bytes = 4}) == ids;
  } else {
    ids = question.get<std::vector<TokenId>>();
  }
  result["decoded"] = tokenizer.decode(ids);
  result["skipped"] = tokenizer.decode(ids, true);
  result["streams"] = stream(tokenizer, ids) == result["decoded"];
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: tokenize_lines FOLDER\n", 2;
  try {
    const Tokenizer tokenizer = Tokenizer::load(argv[1]);
    std::string line;
    while (std::getline(std::cin, line)) {
      nlohmann::json result;
      try {
        result = answer(tokenizer, nlohmann::json::parse(line));
      } catch (const foretell::Error& error) {
        result["error"] = error.what();
      }
      std::cout << result << '\n' << std::flush;
    }
  } catch (const std::exception& error) {
    return std::cerr << error.what() << '\n', 1;
  }
}
