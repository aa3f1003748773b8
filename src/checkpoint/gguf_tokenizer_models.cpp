#include "checkpoint/gguf_tokenizer_models.h"

#include <tuple>

#include "checkpoint/gguf_pre_tokenizer.h"

namespace foretell::gguf {
namespace {

constexpr std::string_view blank = "\u2581";  // stands for a space inside of SentencePiece's tokens

std::vector<Merge> read_merges(const TokenizerKeys& keys) {
  const auto& texts = keys.list("ggml.merges", "texts", 0, is_text);
  std::vector<Merge> merges;
  merges.reserve(texts.size());
  for (const Json& text : texts) {
    const std::string_view merge = text.get_ref<const std::string&>();
    const size_t blank = merge.find(' ', 1);
    if (blank == std::string_view::npos || blank + 1 == merge.size())
      throw keys.error("ggml.merges", "a merge is no pair", "two tokens with a blank between them",
                       "\"" + std::string(merge) + "\"");
    merges.emplace_back(merge.substr(0, blank), merge.substr(blank + 1));
  }
  return merges;
}

// SentencePiece has scores instead of merges: of all neighbours that form a token, those that form the one with the
// best score are joined first. As a list of merges that is: every way to cut a token in two tokens, best scores first
// (and in the order that transformers' generate_merges gives to equal ones).
std::vector<Merge> merges_from_scores(const std::vector<Token>& tokens, const Vocabulary& ids) {
  struct Candidate {
    double score;
    uint32_t left_characters, right_characters;
    size_t left, right;  // ids
  };
  std::vector<Candidate> candidates;
  for (const Token& token : tokens) {
    if (token.type != TokenType::Normal) continue;
    const auto first_of_token = static_cast<std::ptrdiff_t>(candidates.size());
    uint32_t characters = 1;
    for (size_t cut = 1; cut < token.text.size(); cut++) {
      if ((static_cast<unsigned char>(token.text[cut]) & 0xc0) == 0x80) continue;  // inside of a character
      const uint32_t before = characters++;
      const auto left = ids.find(token.text.substr(0, cut));
      if (!left) continue;
      const auto right = ids.find(token.text.substr(cut));
      if (right) candidates.push_back({token.score, before, 0, *left, *right});
    }
    for (auto it = candidates.begin() + first_of_token; it != candidates.end(); ++it)
      it->right_characters = characters - it->left_characters;
    std::sort(candidates.begin() + first_of_token, candidates.end(), [](const Candidate& a, const Candidate& b) {
      return std::pair(a.left, a.right) < std::pair(b.left, b.right);
    });
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.score, a.left_characters, a.right_characters) >
           std::tuple(b.score, b.left_characters, b.right_characters);
  });
  std::vector<Merge> merges;
  merges.reserve(candidates.size());
  for (const Candidate& c : candidates) merges.emplace_back(tokens[c.left].text, tokens[c.right].text);
  return merges;
}

OrderedJson bpe_model() {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false}};
}

bool has_bytes(const std::vector<Token>& tokens) {
  return std::any_of(tokens.begin(), tokens.end(), [](const Token& token) { return token.type == TokenType::Byte; });
}

// BPE over characters, with tokens for single bytes where a character is none.
OrderedJson character_model(const std::vector<Token>& tokens, std::optional<int64_t> unknown) {
  OrderedJson model = bpe_model();
  if (unknown && !tokens[static_cast<size_t>(*unknown)].text.empty())
    model["unk_token"] = tokens[static_cast<size_t>(*unknown)].text;
  model["fuse_unk"] = true;
  model["byte_fallback"] = has_bytes(tokens);
  return model;
}

OrderedJson replace(std::string_view kind, std::string_view from, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{kind, from}}}, {"content", to}};
}

OrderedJson sequence(const char* list, std::vector<OrderedJson> steps) {
  if (steps.size() == 1) return std::move(steps.front());
  return {{"type", "Sequence"}, {list, std::move(steps)}};
}

// How SentencePiece turns spaces into tokens' characters, and back.
struct Spaces {
  bool prefix = true;  // one is put before the text
  bool merged = false;

  std::vector<OrderedJson> normalizers() const {
    std::vector<OrderedJson> steps;
    if (merged) {
      steps.push_back(replace("Regex", R"(\A +| +\z)", ""));
      steps.push_back(replace("Regex", " {2,}", " "));
    }
    if (prefix) steps.push_back({{"type", "Prepend"}, {"prepend", blank}});
    steps.push_back(replace("String", " ", blank));
    return steps;
  }
  OrderedJson decoder() const {
    std::vector<OrderedJson> steps = {replace("String", blank, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
    if (prefix) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    return sequence("decoders", std::move(steps));
  }
};

Spaces read_spaces(const TokenizerKeys& keys) {
  return {.prefix = keys.flag("ggml.add_space_prefix", true),
          .merged = keys.flag("ggml.remove_extra_whitespaces", false)};
}

void read_scores(const TokenizerKeys& keys, std::vector<Token>& tokens) {
  const auto& scores = keys.list("ggml.scores", "numbers", tokens.size(), is_number);
  for (size_t i = 0; i < tokens.size(); i++) tokens[i].score = scores[i].get<double>();
}

std::string base64(const std::vector<uint8_t>& bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t word = 0;
    for (size_t j = 0; j < 3; j++) word = word << 8 | (j < count ? bytes[i + j] : 0);
    for (size_t j = 0; j < 4; j++) text += j <= count ? digits[word >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

// SentencePiece's table of what characters are replaced by what, where the file has one.
std::optional<OrderedJson> character_map(const TokenizerKeys& keys) {
  if (keys.find("ggml.precompiled_charsmap") == nullptr) return std::nullopt;
  const auto& list = keys.list("ggml.precompiled_charsmap", "bytes", 0, is_integer);
  if (list.empty()) return std::nullopt;
  std::vector<uint8_t> bytes;
  bytes.reserve(list.size());
  for (const Json& value : list) {
    if (value < -128 || value > 255)
      throw keys.error("ggml.precompiled_charsmap", "a value is no byte", "-128 to 255", value.dump());
    bytes.push_back(static_cast<uint8_t>(value.get<int64_t>()));
  }
  return OrderedJson{{"type", "Precompiled"}, {"precompiled_charsmap", base64(bytes)}};
}

}  // namespace

Pipeline merge_pipeline(const TokenizerKeys& keys, const std::vector<Token>& tokens, const std::string& pre,
                        std::optional<int64_t> unknown) {
  PreTokenizer words = find_pre_tokenizer(pre, keys.file());
  Pipeline pipeline;
  pipeline.merges = read_merges(keys);
  pipeline.adds_bos = words.adds_bos;
  if (!words.byte_level) {
    const Spaces spaces{.prefix = keys.flag("ggml.add_space_prefix", false)};
    pipeline.normalizer = sequence("normalizers", spaces.normalizers());
    pipeline.decoder = spaces.decoder();
    pipeline.model = character_model(tokens, unknown);
    return pipeline;
  }
  pipeline.normalizer = std::move(words.normalizer);
  pipeline.pre_tokenizer = std::move(words.pre_tokenizer);
  pipeline.decoder = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  pipeline.model = bpe_model();
  pipeline.model["ignore_merges"] = words.ignore_merges;
  return pipeline;
}

Pipeline score_pipeline(const TokenizerKeys& keys, std::vector<Token>& tokens, const Vocabulary& ids,
                        std::optional<int64_t> unknown) {
  read_scores(keys, tokens);
  const Spaces spaces = read_spaces(keys);
  Pipeline pipeline;
  pipeline.normalizer = sequence("normalizers", spaces.normalizers());
  pipeline.decoder = spaces.decoder();
  pipeline.model = character_model(tokens, unknown);
  pipeline.merges = merges_from_scores(tokens, ids);
  pipeline.adds_bos = true;
  return pipeline;
}

Pipeline unigram_pipeline(const TokenizerKeys& keys, std::vector<Token>& tokens, std::optional<int64_t> unknown) {
  read_scores(keys, tokens);
  // SentencePiece computes with floats.
  for (Token& token : tokens) token.score = token.type == TokenType::UserDefined ? 0 : static_cast<float>(token.score);
  const Spaces spaces = read_spaces(keys);
  std::vector<OrderedJson> steps = spaces.normalizers();
  if (auto map = character_map(keys)) steps.insert(steps.begin(), std::move(*map));
  Pipeline pipeline;
  pipeline.normalizer = sequence("normalizers", std::move(steps));
  pipeline.decoder = spaces.decoder();
  pipeline.model = {{"type", "Unigram"}, {"unk_id", nullptr}, {"byte_fallback", has_bytes(tokens)}};
  if (unknown) pipeline.model["unk_id"] = *unknown;
  pipeline.vocabulary = Pipeline::Vocabulary::Scores;
  pipeline.adds_eos = true;
  return pipeline;
}

Pipeline wordpiece_pipeline(const TokenizerKeys& keys, std::vector<Token>& tokens, std::optional<int64_t> unknown) {
  constexpr std::string_view continues = "##";
  Pipeline pipeline;
  pipeline.texts.reserve(tokens.size());
  for (Token& token : tokens) {
    const bool special = token.type == TokenType::Control || token.type == TokenType::Unknown || token.text.empty();
    if (special)
      pipeline.texts.emplace_back(token.text);
    else if (token.text.starts_with(blank))
      pipeline.texts.emplace_back(token.text.substr(blank.size()));
    else
      pipeline.texts.push_back(std::string(continues) + std::string(token.text));
    token.text = pipeline.texts.back();
  }
  const bool lowercase = keys.flag("ggml.normalizer.lowercase", true);
  pipeline.normalizer = {{"type", "BertNormalizer"},
                         {"clean_text", true},
                         {"handle_chinese_chars", true},
                         {"strip_accents", keys.flag("ggml.normalizer.strip_accents", lowercase)},
                         {"lowercase", lowercase}};
  pipeline.pre_tokenizer = {{"type", "BertPreTokenizer"}};
  pipeline.decoder = {{"type", "WordPiece"}, {"prefix", continues}, {"cleanup", true}};
  if (!unknown || tokens[static_cast<size_t>(*unknown)].text.empty())
    throw keys.error("ggml.unknown_token_id", "a key is missing", "the id of the token for unknown words", "none");
  pipeline.model = {{"type", "WordPiece"},
                    {"unk_token", tokens[static_cast<size_t>(*unknown)].text},
                    {"continuing_subword_prefix", continues},
                    {"max_input_chars_per_word", 100}};
  pipeline.adds_bos = pipeline.adds_separator = true;
  return pipeline;
}

}  // namespace foretell::gguf
