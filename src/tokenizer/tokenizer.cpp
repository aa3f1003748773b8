#include "foretell/tokenizer.h"

#include "base/mapped_file.h"
#include "foretell/error.h"
#include "tokenizer/folder.h"
#include "tokenizer/implementation.h"
#include "tokenizer/json_node.h"

namespace foretell {

using namespace tokenization;

namespace {

// The document holds copies of the strings and needs neither the text nor the parser any more. `padded`: the text has
// simdjson's padding behind it, and is read where it is.
simdjson::dom::element parse(simdjson::dom::document& document, std::string_view text, bool padded,
                             const std::filesystem::path& source) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const auto error = parser.parse_into_document(document, text.data(), text.size(), !padded).get(root);
  if (error != simdjson::SUCCESS) {
    throw Error({.what = "not valid JSON", .file = source.string(), .found = simdjson::error_message(error)});
  }
  return root;
}

struct JoinedText {
  explicit JoinedText(std::span<const TextPart> parts) {
    for (const TextPart& part : parts) {
      if (!part.parse_special && !part.text.empty()) plain.push_back({text.size(), text.size() + part.text.size()});
      text += part.text;
    }
  }
  std::string text;
  std::vector<Origin> plain;  // where no special tokens are looked for
};

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  static_assert(MappedFile::padding >= simdjson::SIMDJSON_PADDING);
  // Other forms than tokenizer.json become one first.
  const bool folder = std::filesystem::is_directory(path);
  const std::filesystem::path json = folder ? path / "tokenizer.json" : path;
  const bool missing = json.filename() == "tokenizer.json" && !std::filesystem::exists(json);
  if (const auto other = missing ? translate_folder(json.parent_path()) : translate_file(json)) {
    return from_json(other->json, other->source);
  }
  MappedFile file(json);
  const std::filesystem::path source = file.path();
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  simdjson::dom::document document;
  const JsonNode root(parse(document, text, true, source), "", &source);
  file = {};  // before the tables are made, which need memory of their own
  return Tokenizer(std::make_unique<Implementation>(root));
}

Tokenizer Tokenizer::from_json(std::string_view text, const std::filesystem::path& source) {
  simdjson::dom::document document;
  const JsonNode root(parse(document, text, false, source), "", &source);
  return Tokenizer(std::make_unique<Implementation>(root));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  return implementation_->encode(text, options);
}

std::vector<TokenSpan> Tokenizer::encode_with_offsets(std::string_view text, EncodeOptions options) const {
  return implementation_->encode_with_offsets(text, options);
}

std::vector<TokenId> Tokenizer::encode(std::span<const TextPart> parts, EncodeOptions options) const {
  const JoinedText joined(parts);
  return implementation_->encode(joined.text, options, joined.plain);
}

std::vector<TokenSpan> Tokenizer::encode_with_offsets(std::span<const TextPart> parts, EncodeOptions options) const {
  const JoinedText joined(parts);
  return implementation_->encode_with_offsets(joined.text, options, joined.plain);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  StreamDecoder stream(*this, skip_special);
  std::string text;
  for (TokenId id : ids) stream.push(id, text);
  return text += stream.finish();
}

std::string Tokenizer::token_bytes(TokenId id) const {
  const auto name = implementation_->decoded_name(id);
  return name ? implementation_->decoder().middle(*name) : std::string();
}

std::string_view Tokenizer::token_name(TokenId id) const { return implementation_->name(id); }
std::optional<TokenId> Tokenizer::find(std::string_view name) const { return implementation_->find(name); }
bool Tokenizer::is_special(TokenId id) const { return implementation_->added().is_special(id); }
int64_t Tokenizer::vocabulary_size() const { return implementation_->id_limit(); }
std::string Tokenizer::summary() const { return implementation_->summary(); }

class StreamDecoder::Implementation {
 public:
  Implementation(const Tokenizer::Implementation& tokenizer, bool skip_special)
      : tokenizer_(&tokenizer), skip_special_(skip_special) {}

  void push(TokenId id, std::string& text) {
    const auto name = tokenizer_->decoded_name(id);
    if (!name || (skip_special_ && tokenizer_->added().is_skipped(id))) return;
    if (!session_) session_.emplace(tokenizer_->decoder());
    session_->push(*name);
    session_->take(text);
  }

  std::string finish() {
    if (!session_) session_.emplace(tokenizer_->decoder());
    session_->finish();
    std::string text;
    session_->take(text);
    session_.reset();
    return text;
  }

 private:
  const Tokenizer::Implementation* tokenizer_;
  bool skip_special_;
  std::optional<Decoder::Session> session_;
};

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special)
    : implementation_(std::make_unique<Implementation>(*tokenizer.implementation_, skip_special)) {}
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

std::string StreamDecoder::push(TokenId id) {
  std::string text;
  push(id, text);
  return text;
}
void StreamDecoder::push(TokenId id, std::string& text) { implementation_->push(id, text); }
std::string StreamDecoder::finish() { return implementation_->finish(); }

}  // namespace foretell
