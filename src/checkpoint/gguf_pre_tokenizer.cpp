// The names and what they stand for are those of llama.cpp (src/llama-vocab.cpp); where a published tokenizer.json is
// known for a name, its own spelling is used (llama.cpp rewrites expressions for its engine and leaves out NFC).
#include "checkpoint/gguf_pre_tokenizer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "foretell/error.h"

namespace foretell {
namespace {

constexpr std::string_view gpt2_words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view llama3_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view qwen2_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view seed_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view tekken_words =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view gpt4o_words =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view deepseek3_words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

// What an entry does before the bytes are mapped to characters; each split makes its matches words of their own.
struct Entry {
  std::vector<std::string_view> names;
  std::vector<std::string_view> splits = {};
  bool digits = false;            // each digit a word
  bool byte_level_words = false;  // then GPT-2's words, which ByteLevel cuts by itself
  bool nfc = false;
  bool ignore_merges = false, adds_bos = false;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = {
      // What a file says that was made when llama.cpp knew no names yet.
      {.names = {"default"}, .splits = {R"([\p{P}\$\+<=>\^~\|]+)", gpt2_words, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {.names = {"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "gigachat", "mellum", "exaone4", "a.x-4.0"},
       .byte_level_words = true},
      // Only ASCII digits are cut off: numerals like "²" stay with their neighbours where transformers reads such
      // files.
      {.names = {"smollm"}, .splits = {"[0-9]"}, .byte_level_words = true},
      {.names = {"starcoder", "refact", "codeshell", "exaone", "minerva-7b"}, .digits = true, .byte_level_words = true},
      {.names = {"command-r"}, .digits = true, .byte_level_words = true, .nfc = true},
      {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "midm-2.0", "lfm2"},
       .splits = {llama3_words},
       .ignore_merges = true,
       .adds_bos = true},
      {.names = {"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, .splits = {llama3_words}},
      {.names = {"qwen2", "deepseek-r1-qwen", "megrez", "kormo"}, .splits = {qwen2_words}, .nfc = true},
      {.names = {"stablelm2", "hunyuan", "solar-open", "grok-2"}, .splits = {qwen2_words}},
      {.names = {"tekken"}, .splits = {tekken_words}, .ignore_merges = true, .adds_bos = true},
      {.names = {"gpt-4o", "llama4", "kanana2"}, .splits = {gpt4o_words}},
      {.names = {"seed-coder"}, .splits = {seed_words}},
      {.names = {"deepseek-coder"},
       .splits = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[一-龥ࠀ-一가-\xed\x9f\xbf]+"},
       .digits = true},
      {.names = {"deepseek-v3"}, .splits = {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", deepseek3_words}},
  };
  return table;
}

nlohmann::ordered_json split(std::string_view expression) {
  return {{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}};
}

}  // namespace

PreTokenizer find_pre_tokenizer(std::string_view name, const std::filesystem::path& file) {
  for (const Entry& entry : entries()) {
    if (std::find(entry.names.begin(), entry.names.end(), name) == entry.names.end()) continue;
    auto steps = nlohmann::ordered_json::array();
    for (const std::string_view expression : entry.splits) steps.push_back(split(expression));
    if (entry.digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    steps.push_back({{"type", "ByteLevel"},
                     {"add_prefix_space", false},
                     {"trim_offsets", true},
                     {"use_regex", entry.byte_level_words}});
    PreTokenizer result;
    if (entry.nfc) result.normalizer = {{"type", "NFC"}};
    result.pre_tokenizer =
        steps.size() == 1 ? steps.front() : nlohmann::ordered_json{{"type", "Sequence"}, {"pretokenizers", steps}};
    result.ignore_merges = entry.ignore_merges;
    result.adds_bos = entry.adds_bos;
    return result;
  }
  throw Error({.what = "a pre-tokenizer that is not known",
               .file = file.string(),
               .where = "tokenizer.ggml.pre",
               .expected = "a name such as llama-bpe, qwen2 or gpt-2",
               .found = "\"" + std::string(name) + "\""});
}

}  // namespace foretell
