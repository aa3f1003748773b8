// Sets of Unicode characters.
#pragma once

#include <compare>
#include <vector>

namespace foretell::constrain {

struct CodePointRange {
  char32_t first = 0, last = 0;
  auto operator<=>(const CodePointRange&) const = default;
};

// Characters are Unicode scalar values: surrogates belong to no set.
class CodePointSet {
 public:
  CodePointSet() = default;
  CodePointSet(std::initializer_list<CodePointRange> ranges) {
    for (const CodePointRange& r : ranges) add(r.first, r.last);
  }
  static CodePointSet all() { return {{0, 0x10ffff}}; }

  void add(char32_t first, char32_t last);
  void add(char32_t c) { add(c, c); }
  void add(const CodePointSet& other);

  CodePointSet complement() const;
  CodePointSet intersect(const CodePointSet& other) const;
  CodePointSet without(const CodePointSet& other) const { return intersect(other.complement()); }
  bool contains(char32_t c) const;
  bool includes(const CodePointSet& other) const { return other.intersect(*this) == other; }
  bool empty() const { return ranges().empty(); }
  // Sorted, with gaps between them.
  const std::vector<CodePointRange>& ranges() const;
  bool operator==(const CodePointSet& other) const { return ranges() == other.ranges(); }

 private:
  mutable std::vector<CodePointRange> ranges_;
  mutable bool sorted_ = true;  // they are put in order when they are looked at
};

}  // namespace foretell::constrain
