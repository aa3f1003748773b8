// A tokenizer.model of SentencePiece as the text of a tokenizer.json.
#include <algorithm>
#include <limits>

#include "foretell/error.h"
#include "tokenizer/base64.h"
#include "tokenizer/folder_settings.h"
#include "tokenizer/sentencepiece_file.h"

namespace foretell::tokenization {
namespace {

using Type = SentencePieceFile::Type;

Json normalizer_of(const SentencePieceFile& file, const FolderSettings& settings) {
  Json user_defined = Json::array();
  for (const auto& piece : file.pieces) {
    if (piece.type == Type::UserDefined) user_defined.push_back(piece.text);
  }
  return {{"type", "SentencePiece"},
          {"precompiled_charsmap", encode_base64(file.charsmap)},
          {"add_dummy_prefix", file.add_dummy_prefix},
          {"prefix_at_beginning_only", !settings.flag("legacy", true)},
          {"remove_extra_whitespaces", file.remove_extra_whitespaces},
          {"escape_whitespaces", file.escape_whitespaces},
          {"treat_whitespace_as_suffix", file.blanks_behind_words},
          {"user_defined", user_defined}};
}

Json decoder_of(const SentencePieceFile& file, const std::string& unknown) {
  const auto replace = [](std::string_view from, std::string_view to) -> Json {
    return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  Json steps = Json::array();
  if (!unknown.empty()) steps.push_back(replace(unknown, file.unknown_surface));
  steps.push_back({{"type", "ByteFallback"}});
  if (file.add_dummy_prefix || file.remove_extra_whitespaces) {
    steps.push_back({{"type", "SentencePieceBlank"}, {"repeats", file.remove_extra_whitespaces}});
  }
  steps.push_back(replace("\u2581", " "));
  steps.push_back({{"type", "Fuse"}});
  return {{"type", "Sequence"}, {"decoders", steps}};
}

// The scores of unigram models as the library computes with them: floats, and user-defined pieces so good that they are
// always chosen.
Json unigram_of(const SentencePieceFile& file) {
  // The library's maximum begins at the smallest positive float, above all logarithms.
  float least = std::numeric_limits<float>::max(), most = std::numeric_limits<float>::min();
  for (const auto& piece : file.pieces) {
    if (piece.type != Type::Normal) continue;
    least = std::min(least, piece.score);
    most = std::max(most, piece.score);
  }
  constexpr float unknown_penalty = 10;
  Json vocabulary = Json::array(), unknown;
  for (const auto& piece : file.pieces) {
    if (piece.type == Type::Unknown) unknown = vocabulary.size();
    Json score;
    if (piece.type == Type::Normal) score = piece.score;
    if (piece.type == Type::UserDefined)
      score = static_cast<double>(static_cast<float>(piece.text.size()) * most) - 0.1;
    vocabulary.push_back(Json::array({piece.text, score}));
  }
  return {{"type", "Unigram"},
          {"unk_id", unknown},
          {"vocab", vocabulary},
          {"byte_fallback", file.byte_fallback},
          {"sentencepiece_unk_score", least - unknown_penalty}};
}

Json bpe_of(const SentencePieceFile& file, const std::string& unknown, const std::map<std::string, int64_t>& ids) {
  Json scores = Json::array(), atoms = Json::array();
  for (const auto& piece : file.pieces) {
    if (piece.type == Type::UserDefined) atoms.push_back(scores.size());
    scores.push_back(piece.type == Type::Normal ? Json(piece.score) : Json());
  }
  return {{"type", "BPE"},
          {"vocab", ids},
          {"scores", scores},
          {"atoms", atoms},
          {"unk_token", unknown.empty() ? Json() : Json(unknown)},
          {"fuse_unk", true},
          {"byte_fallback", file.byte_fallback}};
}

// Whether a beginning and an end are put around texts: the classes of transformers differ, and others are like Llama's.
Json post_processor_of(const SentencePieceFile& file, const FolderSettings& settings,
                       const std::map<std::string, int64_t>& ids, const std::filesystem::path& source) {
  const auto name = [&](int32_t id, const char* setting) {
    const bool there = id >= 0 && static_cast<size_t>(id) < file.pieces.size();
    return settings.token(setting, there ? file.pieces[static_cast<size_t>(id)].text : std::string_view());
  };
  const bool t5 = settings.kind() == "T5Tokenizer";
  const std::string bos = settings.flag("add_bos_token", !t5) ? name(file.bos_id, "bos_token") : "";
  const std::string eos = settings.flag("add_eos_token", t5) ? name(file.eos_id, "eos_token") : "";
  return around_text(bos, eos, ids, source);
}

}  // namespace

std::string translate_sentencepiece(const std::filesystem::path& file, std::string_view bytes,
                                    const FolderSettings& settings) {
  const SentencePieceFile model = read_sentencepiece(bytes, file);
  if (model.model != SentencePieceFile::Model::Unigram && model.model != SentencePieceFile::Model::Bpe) {
    throw Error({.what = "a kind of SentencePiece model that is not supported",
                 .file = file.string(),
                 .expected = "unigram or bpe",
                 .found = model.model == SentencePieceFile::Model::Word ? "word" : "char"});
  }
  std::map<std::string, int64_t> ids;
  std::vector<std::string> special;
  std::string unknown;
  for (const auto& piece : model.pieces) {
    const auto id = static_cast<int64_t>(ids.size());
    if (!ids.emplace(piece.text, id).second) {
      throw Error({.what = "a piece stands there twice",
                   .file = file.string(),
                   .found = "\"" + std::string(piece.text) + "\""});
    }
    if (piece.type == Type::Unknown) unknown = piece.text;
    if (piece.type == Type::Unknown || piece.type == Type::Control) special.emplace_back(piece.text);
  }
  const Json parts = model.model == SentencePieceFile::Model::Bpe ? bpe_of(model, unknown, ids) : unigram_of(model);
  const Json added = settings.added_tokens(ids, special);
  return Json({{"version", "1.0"},
               {"added_tokens", added},
               {"normalizer", normalizer_of(model, settings)},
               {"post_processor", post_processor_of(model, settings, ids, file)},
               {"decoder", decoder_of(model, unknown)},
               {"model", parts}})
      .dump();
}

}  // namespace foretell::tokenization
