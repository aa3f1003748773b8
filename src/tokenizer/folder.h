// Folders without a tokenizer.json: the older forms, which become the text of one. Beside what a tokenizer.json can say
// it has members for SentencePiece ("scores", "atoms", a normalizer of its own) that this library alone understands.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace foretell::tokenization {

struct FolderTokenizer {
  std::filesystem::path source;  // the file that it comes from, for errors
  std::string json;
};

// Of the forms that are there the first of: tekken.json; tokenizer.model or spiece.model (SentencePiece, or a list of
// ranks); tiktoken.model or NAME.tiktoken; vocab.json with merges.txt; vocab.txt. Nothing where there is none. Throws
// Error.
std::optional<FolderTokenizer> translate_folder(const std::filesystem::path& folder);
// Of one such file, which may stand alone. Nothing where its name is not one of them.
std::optional<FolderTokenizer> translate_file(const std::filesystem::path& file);

}  // namespace foretell::tokenization
