// The names and what they stand for are those of llama.cpp (src/llama-vocab.cpp); where a published tokenizer.json is
// known for a name, its own spelling is used (llama.cpp rewrites expressions for its engine and leaves out NFC).
#include "checkpoint/gguf_pre_tokenizer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/word_patterns.h"
#include "foretell/error.h"

namespace foretell {
namespace {

constexpr std::string_view seed_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view tekken_words =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view deepseek3_words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view qwen35_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view turkish_words =  // Qwen 2's without the English contractions
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view minicpm5_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view jais2_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
    R"(\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|)"
    R"(\s{1,2}(?!\S)|\s{1})";
constexpr std::string_view exaone_moe_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view bailing_words =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view bloom_words = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr std::string_view spark_words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|)"
    R"([\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view youtu_scripts =
    "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view youtu_words =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Letters that have cases.
constexpr std::string_view deepseek_llm_letters =
    R"(\s?[A-Za-z)"
    R"(\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF})"
    R"(\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1})"
    R"(\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5})"
    R"(\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A})"
    R"(\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B})"
    R"(\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC})"
    R"(\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107})"
    R"(\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134})"
    R"(\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4})"
    R"(\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787})"
    R"(\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A})"
    R"(\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2})"
    R"(\x{118A0}-\x{118DF}\x{1E900}-\x{1E943})"
    R"(]+)";
constexpr std::string_view asian_scripts =
    R"([\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{F900}-\x{FAFF}\x{3040}-\x{309F}\x{30A0}-\x{30FF}\x{FF65}-\x{FF9F}\x{2F00}-\x{2FDF})"
    R"(\x{0E00}-\x{0E7F}\x{0E80}-\x{0EFF}\x{1780}-\x{17FF}\x{1000}-\x{109F}\x{AA60}-\x{AA7F}\x{A9E0}-\x{A9FF}\x{AC00}-\x{D7AF}\x{1100}-\x{11FF}]+)";
// Digits in threes from the right.
constexpr std::string_view threes = R"(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))";

// What an entry does before the bytes are mapped to characters; each split makes its matches words of their own.
struct Entry {
  std::vector<std::string_view> names;
  std::vector<std::string_view> splits = {};
  bool digits = false;            // each digit a word
  bool byte_level_words = false;  // then GPT-2's words, which ByteLevel cuts by itself
  bool nfc = false;
  bool ignore_merges = false, adds_bos = false;
  bool byte_level = true;  // false: spaces become "▁" and no bytes are mapped, as SentencePiece has it
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = {
      // What a file says that was made when llama.cpp knew no names yet.
      {.names = {"default"}, .splits = {R"([\p{P}\$\+<=>\^~\|]+)", gpt2_words, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {.names = {"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "gigachat", "mellum", "exaone4", "a.x-4.0",
                 "modern-bert", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "granite-docling", "roberta-bpe",
                 "jina-v1-en", "jina-v2-code"},
       .byte_level_words = true},
      // Only ASCII digits are cut off: numerals like "²" stay with their neighbours where transformers reads such
      // files.
      {.names = {"smollm"}, .splits = {"[0-9]"}, .byte_level_words = true},
      {.names = {"starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"},
       .digits = true,
       .byte_level_words = true},
      {.names = {"command-r"}, .digits = true, .byte_level_words = true, .nfc = true},
      {.names = {"falcon"}, .splits = {R"([\p{P}\$\+<=>\^~\|`]+)", gpt2_words, "[0-9][0-9][0-9]"}},
      {.names = {"bloom", "poro-chat", "gpt3-finnish"}, .splits = {bloom_words}},
      {.names = {"viking"}, .splits = {bloom_words}, .digits = true},
      {.names = {"chameleon"},  // its image tokens, runs of white space, digits, signs
       .splits = {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", R"(([\t\n]|    |  ))", R"(\p{N})",
                  R"([\p{P}!-/:-@\[-`{-~])"},
       .byte_level_words = true,
       .adds_bos = true},
      {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
                 "jina-v5-nano"},
       .splits = {llama3_words},
       .ignore_merges = true,
       .adds_bos = true},
      {.names = {"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, .splits = {llama3_words}},
      {.names = {"jais-2"}, .splits = {jais2_words}},
      {.names = {"minicpm5"}, .splits = {R"(\p{N}{1,3})", minicpm5_words}, .ignore_merges = true},
      {.names = {"qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2"}, .splits = {qwen2_words}, .nfc = true},
      {.names = {"qwen35"}, .splits = {qwen35_words}, .nfc = true},
      {.names = {"stablelm2", "hunyuan", "solar-open", "grok-2"}, .splits = {qwen2_words}},
      {.names = {"laguna"}, .splits = {R"([^\n]+|[\n]+)", qwen2_words}},
      {.names = {"ufakzeka"}, .splits = {turkish_words}},
      {.names = {"exaone-moe"}, .splits = {exaone_moe_words}},
      {.names = {"bailingmoe", "bailingmoe2", "llada-moe"}, .splits = {bailing_words}},
      {.names = {"tekken"}, .splits = {tekken_words}, .ignore_merges = true, .adds_bos = true},
      {.names = {"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, .splits = {gpt4o_words}},
      {.names = {"granite-embed-multi-97m"}, .splits = {gpt4o_words}, .ignore_merges = true},
      {.names = {"tiny_aya", "cohere2moe"}, .splits = {R"(\d{1,3}(?=(?:\d{3})*\b))", gpt4o_words}},
      {.names = {"youtu"}, .splits = {youtu_scripts, youtu_words}, .ignore_merges = true},
      {.names = {"kimi-k2"}, .splits = {kimi_words}},
      {.names = {"seed-coder"}, .splits = {seed_words}},
      {.names = {"superbpe"}, .splits = {R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}},
      {.names = {"deepseek-llm"},
       .splits = {R"([\r\n])", deepseek_llm_letters, R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)", R"(\s+$)",
                  "[一-龥ࠀ-一가-\xed\x9f\xbf]+"},
       .digits = true},
      {.names = {"deepseek-coder"},
       .splits = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[一-龥ࠀ-一가-\xed\x9f\xbf]+"},
       .digits = true},
      {.names = {"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"},
       .splits = {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", deepseek3_words}},
      {.names = {"spark2_5"}, .splits = {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", spark_words, R"(\p{N})"}},
      {.names = {"afmoe"}, .splits = {threes, asian_scripts, deepseek3_words}},
      {.names = {"gemma4", "granite-embed-multi-311m"}, .adds_bos = true, .byte_level = false},
      {.names = {"sarvam-moe"}, .byte_level = false},
  };
  return table;
}

nlohmann::ordered_json split(std::string_view expression) {
  return {{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}};
}

}  // namespace

std::vector<std::string_view> pre_tokenizer_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : entries()) names.insert(names.end(), entry.names.begin(), entry.names.end());
  return names;
}

PreTokenizer find_pre_tokenizer(std::string_view name, const std::filesystem::path& file) {
  for (const Entry& entry : entries()) {
    if (std::find(entry.names.begin(), entry.names.end(), name) == entry.names.end()) continue;
    PreTokenizer result;
    result.byte_level = entry.byte_level;
    result.ignore_merges = entry.ignore_merges;
    result.adds_bos = entry.adds_bos;
    if (entry.nfc) result.normalizer = {{"type", "NFC"}};
    if (!entry.byte_level) return result;
    auto steps = nlohmann::ordered_json::array();
    for (const std::string_view expression : entry.splits) steps.push_back(split(expression));
    if (entry.digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    steps.push_back({{"type", "ByteLevel"},
                     {"add_prefix_space", false},
                     {"trim_offsets", true},
                     {"use_regex", entry.byte_level_words}});
    result.pre_tokenizer =
        steps.size() == 1 ? steps.front() : nlohmann::ordered_json{{"type", "Sequence"}, {"pretokenizers", steps}};
    return result;
  }
  std::string known;
  for (const std::string_view one : pre_tokenizer_names()) known += (known.empty() ? "" : ", ") + std::string(one);
  throw Error({.what = "a pre-tokenizer that is not known",
               .file = file.string(),
               .where = "tokenizer.ggml.pre",
               .expected = "one of " + known,
               .found = "\"" + std::string(name) + "\""});
}

}  // namespace foretell
