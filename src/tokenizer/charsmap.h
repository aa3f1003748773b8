// SentencePiece's "precompiled_charsmap": strings and what each is replaced by, the strings in a double-array trie
// (Darts-clone: https://github.com/s-yata/darts-clone).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foretell::tokenization {

class Charsmap {
 public:
  Charsmap() = default;  // replaces nothing
  // Throws Error (without file or place) where the bytes are none.
  explicit Charsmap(std::string_view bytes);

  struct Found {
    size_t length;  // of the string that is replaced
    std::string_view replacement;
  };
  // The shortest or the longest string that `text` begins with.
  std::optional<Found> shortest(std::string_view text) const { return find(text, true); }
  std::optional<Found> longest(std::string_view text) const { return find(text, false); }
  size_t longest_replacement() const;
  bool empty() const { return units_.empty(); }

 private:
  std::optional<Found> find(std::string_view text, bool first) const;

  std::vector<uint32_t> units_;
  std::string replacements_;  // each ends with a zero byte
};

}  // namespace foretell::tokenization
