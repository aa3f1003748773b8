// JSON documents, with errors that name file and place.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "foretell/error.h"

namespace foretell {

using Json = nlohmann::json;

// Throws Error with the byte offset where the text is not JSON. `source` is the file that the text comes from.
Json parse_json(std::string_view text, const std::filesystem::path& source);
// The error for a text that is not JSON; `problem` is nlohmann's message.
Error invalid_json(const std::filesystem::path& source, size_t byte, std::string_view problem);
// nlohmann takes a NUL for the end of the text; in JSON there is none.
void check_no_nul(std::string_view text, const std::filesystem::path& source);
Json read_json_file(const std::filesystem::path& path);

}  // namespace foretell
