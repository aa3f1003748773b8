#include "tokenizer/charsmap.h"

#include <algorithm>
#include <cstring>

#include "foretell/error.h"
#include "tokenizer/utf8.h"

namespace foretell::tokenization {
namespace {

// The fields of a unit of the array.
bool has_leaf(uint32_t unit) { return unit >> 8 & 1; }
uint32_t value(uint32_t unit) { return unit & 0x7fffffff; }
uint32_t label(uint32_t unit) { return unit & 0x800000ff; }
size_t offset(uint32_t unit) { return static_cast<size_t>(unit >> 10) << ((unit & 0x200) >> 6); }

}  // namespace

Charsmap::Charsmap(std::string_view bytes) {
  if (bytes.empty()) return;
  uint32_t size = 0;
  if (bytes.size() >= 4) std::memcpy(&size, bytes.data(), 4);
  if (bytes.size() < 4 || size % 4 != 0 || size > bytes.size() - 4 || !is_utf8(bytes.substr(4 + size))) {
    throw Error({.what = "not a precompiled charsmap",
                 .expected = "the size of a trie, a trie and replacements in UTF-8",
                 .found = std::to_string(bytes.size()) + " bytes"});
  }
  units_.resize(size / 4);
  std::memcpy(units_.data(), bytes.data() + 4, size);
  replacements_ = bytes.substr(4 + size);
}

size_t Charsmap::longest_replacement() const {
  size_t longest = 0;
  for (size_t begin = 0; begin < replacements_.size();) {
    const size_t end = std::min(replacements_.find('\0', begin), replacements_.size());
    longest = std::max(longest, end - begin);
    begin = end + 1;
  }
  return longest;
}

std::optional<Charsmap::Found> Charsmap::find(std::string_view text, bool first) const {
  std::optional<Found> found;
  if (units_.empty()) return found;
  size_t at = offset(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    at ^= byte;
    if (byte == 0 || at >= units_.size() || label(units_[at]) != byte) break;
    const bool leaf = has_leaf(units_[at]);
    at ^= offset(units_[at]);
    if (!leaf || at >= units_.size()) continue;
    const size_t begin = value(units_[at]);
    if (begin > replacements_.size()) break;
    const std::string_view rest = std::string_view(replacements_).substr(begin);
    found = Found{i + 1, rest.substr(0, rest.find('\0'))};
    if (first) break;
  }
  return found;
}

}  // namespace foretell::tokenization
