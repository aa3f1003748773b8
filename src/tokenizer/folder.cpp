#include "tokenizer/folder.h"

#include <algorithm>

#include "tokenizer/folder_settings.h"

namespace foretell::tokenization {
namespace {

namespace fs = std::filesystem;

// A list of ranks is a line of base64 and a number for each token; SentencePiece's file begins with a byte 10.
bool is_rank_list(std::string_view text) {
  const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
  return line.size() > 2 && line.find(' ') != std::string_view::npos &&
         std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::optional<fs::path> rank_list_in(const fs::path& folder) {
  std::error_code error;
  std::optional<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const bool fits = entry.path().extension() == ".tiktoken" || entry.path().filename() == "tiktoken.model";
    if (fits && (!found || entry.path() < *found)) found = entry.path();
  }
  return found;
}

}  // namespace

std::optional<FolderTokenizer> translate_file(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const std::string name = file.filename().string();
  if (name == "tekken.json") return FolderTokenizer{file, translate_tekken(file)};
  if (name == "vocab.txt") return FolderTokenizer{file, translate_wordpiece(file, FolderSettings(folder))};
  if (name == "vocab.json" || name == "merges.txt") {
    return FolderTokenizer{folder / "vocab.json", translate_merges(folder / "vocab.json", FolderSettings(folder))};
  }
  if (file.extension() != ".model" && file.extension() != ".tiktoken") return std::nullopt;
  const std::string bytes = read_text(file);
  const FolderSettings settings(folder);
  return FolderTokenizer{file, is_rank_list(bytes) ? translate_ranks(file, bytes, settings)
                                                   : translate_sentencepiece(file, bytes, settings)};
}

std::optional<FolderTokenizer> translate_folder(const fs::path& folder) {
  for (const char* name : {"tekken.json", "tokenizer.model", "spiece.model"}) {
    if (fs::exists(folder / name)) return translate_file(folder / name);
  }
  if (const auto ranks = rank_list_in(folder)) return translate_file(*ranks);
  if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt")) {
    return translate_file(folder / "vocab.json");
  }
  if (fs::exists(folder / "vocab.txt")) return translate_file(folder / "vocab.txt");
  return std::nullopt;
}

}  // namespace foretell::tokenization
