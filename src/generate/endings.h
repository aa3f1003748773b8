// Questions whose answers are endings of a text, one of them right, and the files that hold them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foretell {

struct EndingsQuestion {
  std::string beginning;
  std::vector<std::string> endings;  // at least one
  std::optional<size_t> label;       // the right one, where it is known
};

// Either JSON Lines, as HellaSwag has them (Zellers et al., arXiv:1905.07830): {"ctx": "...", "endings": ["...", ..],
// "label": 2}; also "context" or "query", "choices", and "gold"; a label may be a string, and other keys are not read.
// Or a text with one ending in each line, of the beginning that is given. `beginning` also stands in for a "ctx" that
// is missing. Throws Error naming the line.
std::vector<EndingsQuestion> parse_endings(std::string_view text, const std::optional<std::string>& beginning,
                                           const std::filesystem::path& file);

// The ending as it follows the beginning: with a blank before it where neither has one there and the ending begins with
// no punctuation mark and no character of a script that is written without blanks.
std::string joined_ending(std::string_view beginning, std::string_view ending);

}  // namespace foretell
