#include "tokenizer/implementation.h"

#include <algorithm>

#include "foretell/error.h"
#include "tokenizer/parts.h"
#include "tokenizer/regex.h"

namespace foretell {

using namespace tokenization;

namespace {

// The text with U+FFFD for what is not UTF-8.
Text repair(std::string_view bytes, bool with_origins) {
  Text text(with_origins);
  text.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Step step = read_utf8(bytes.substr(at));
    const Origin origin{at, at + step.length};
    if (step.kind == Utf8Step::Kind::Character) {
      text.append(bytes.substr(at, step.length), origin);
    } else {
      text.append(replacement_character, origin);
    }
    at += step.length;
  }
  return text;
}

// What no token covers goes to the token behind it, and at the end to the last one.
void cover(std::vector<TokenSpan>& spans, size_t size) {
  size_t covered = 0;
  for (TokenSpan& span : spans) {
    if (span.start > covered) span.start = covered;
    span.end = std::max(span.end, span.start);
    covered = std::max(covered, span.end);
  }
  if (!spans.empty() && covered < size) spans.back().end = size;
}

}  // namespace

Tokenizer::Implementation::Implementation(const JsonNode& root) {
  if (const auto version = root.find("version"); version && version->string() != "1.0") {
    version->fail("unknown version", "\"1.0\"", "\"" + std::string(version->string()) + "\"");
  }
  if (const auto node = root.find("normalizer")) {
    normalizer_ = make_normalizer(*node);
    if (normalizer_) check_growth(normalizer_->growth(), *node);
  }
  const JsonNode model = root.get("model");
  if (const auto node = root.find("pre_tokenizer")) {
    pre_tokenizer_ = make_pre_tokenizer(*node, model.get("type").string() == "BPE");
  }
  model_ = make_model(model, pre_tokenizer_.byte_level);
  if (const auto node = root.find("added_tokens")) {
    added_ = AddedTokens(read_added_tokens(*node), model_->vocabulary(), normalizer_.get());
  }
  if (const auto node = root.find("post_processor")) post_processor_ = PostProcessor(*node);
  if (const auto node = root.find("decoder")) decoder_ = Decoder(*node);
}

template <typename Token>
void Tokenizer::Implementation::run(std::string_view text, EncodeOptions options, PlainRanges plain,
                                    std::vector<Token>& tokens) const {
  constexpr bool with_origins = std::is_same_v<Token, TokenSpan>;
  TokenSink sink(tokens);
  const Workspaces::Loan workspace(workspaces_, *model_);
  const bool normalize_with_origins =
      with_origins || !plain.empty() || (pre_tokenizer_.steps && pre_tokenizer_.steps->needs_origins());
  const auto tokenize = [&](const Piece& piece) { model_->tokenize(piece, *workspace, sink); };
  const auto pre_tokenize = [&](const Piece& piece) {
    const bool is_long = piece.text.size() / 2 >= std::max<size_t>(options.part_bytes, 1);
    if (is_long && pre_tokenizer_.steps && pre_tokenizer_.steps->has_parts(piece))
      return encode_in_parts(*pre_tokenizer_.steps, *model_, workspaces_, piece, options.part_bytes, tokens);
    pre_tokenizer_.steps ? pre_tokenizer_.steps->split(piece, with_origins, tokenize) : tokenize(piece);
  };
  const auto on_token = [&](TokenId id, const Piece& piece) { sink.add(id, piece, 0, piece.text.size()); };
  const SpecialParsing special{options.parse_special, plain};
  const auto cut_normalized = [&](const Piece& piece) { added_.cut(piece, true, special, on_token, pre_tokenize); };
  const auto normalize = [&](const Piece& piece) {
    if (!normalizer_) return cut_normalized(piece);
    const Text normalized = normalizer_->normalize(piece, normalize_with_origins);
    if (!normalized.piece().empty()) cut_normalized(normalized.piece());
  };
  const auto cut = [&](const Piece& piece) { added_.cut(piece, false, special, on_token, normalize); };
  if (is_utf8(text)) return cut({.text = text});
  const Text repaired = repair(text, normalize_with_origins);
  cut(repaired.piece());
}

std::vector<TokenId> Tokenizer::Implementation::encode(std::string_view text, EncodeOptions options,
                                                       PlainRanges plain) const {
  std::vector<TokenId> ids;
  run(text, options, plain, ids);
  return options.add_special ? post_processor_.process(std::move(ids)) : ids;
}

std::vector<TokenSpan> Tokenizer::Implementation::encode_with_offsets(std::string_view text, EncodeOptions options,
                                                                      PlainRanges plain) const {
  std::vector<TokenSpan> spans;
  run(text, options, plain, spans);
  cover(spans, text.size());
  return options.add_special ? post_processor_.process(std::move(spans), text.size()) : spans;
}

std::string_view Tokenizer::Implementation::name(TokenId id) const {
  return added_.contains(id) ? added_.token(id).content : model_->vocabulary().name(id);
}

std::optional<std::string_view> Tokenizer::Implementation::decoded_name(TokenId id) const {
  if (added_.contains(id)) return added_.decoded_name(id);
  if (model_->vocabulary().contains(id)) return model_->vocabulary().name(id);
  return std::nullopt;
}

std::optional<TokenId> Tokenizer::Implementation::find(std::string_view name) const {
  const auto id = added_.find(name);
  return id ? id : model_->vocabulary().find(name);
}

TokenId Tokenizer::Implementation::id_limit() const {
  return std::max(model_->vocabulary().id_limit(), added_.id_limit());
}

std::string Tokenizer::Implementation::summary() const {
  return model_->summary() + ", " + with_thousands(static_cast<size_t>(id_limit())) + " tokens, " +
         with_thousands(added_.special_count()) + " special";
}

}  // namespace foretell
