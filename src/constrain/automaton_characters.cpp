// Characters as bytes: UTF-8, and the escapes of JSON strings.
#include <algorithm>

#include "constrain/automaton_builder.h"

namespace foretell::constrain {
namespace {

using Move = Automaton::Move;

}  // namespace

const CodePointSet& plain_characters() {
  static const CodePointSet set =
      CodePointSet{{' ', 0x7e}, {0x80, 0x10ffff}}.without({{'"', '"'}, {'\\', '\\'}, {0x2028, 0x2029}});
  return set;
}

void AutomatonBuilder::build_characters(const Expression& e, State from, State to) {
  const CodePointSet set = rules_.set_of(e).intersect(alphabet_);
  if (e.encoding == Encoding::Text) return build_utf8(set, from, to);
  CodePointSet written{{' ', 0x10ffff}};
  written = written.without({{'"', '"'}, {'\\', '\\'}});
  build_utf8(set.intersect(written), from, to);
  build_escapes(set.without(written), from, to);
}

// JSON's shortest escape of each character: \n, \", \u0001.
void AutomatonBuilder::build_escapes(const CodePointSet& set, State from, State to) {
  if (set.empty() || !alphabet_.contains('\\')) return;
  const auto byte = [this](State a, char32_t first, char32_t last, State b) {
    add(a,
        {.kind = Move::Kind::Byte, .first = static_cast<uint8_t>(first), .last = static_cast<uint8_t>(last), .to = b});
  };
  const State escape = new_state();
  byte(from, '\\', '\\', escape);
  constexpr std::pair<char32_t, char> letters[] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
                                                   {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
  CodePointSet rest = set;
  for (const auto& [c, letter] : letters) {
    if (!set.contains(c)) continue;
    byte(escape, static_cast<char32_t>(letter), static_cast<char32_t>(letter), to);
    rest = rest.without({{c, c}});
  }
  if (rest.empty()) return;
  const State zeros = new_state();
  build_literal("u00", escape, zeros);
  for (char32_t high : {0U, 1U}) {
    const State digit = new_state();
    byte(zeros, '0' + high, '0' + high, digit);
    for (char32_t low = 0; low < 16; low++) {
      if (!rest.contains(high * 16 + low)) continue;
      if (low < 10) {
        byte(digit, '0' + low, '0' + low, to);
      } else {
        byte(digit, 'a' + low - 10, 'a' + low - 10, to);
        byte(digit, 'A' + low - 10, 'A' + low - 10, to);
      }
    }
  }
}

void AutomatonBuilder::build_utf8(const CodePointSet& set, State from, State to) {
  const CodePointSet ascii = set.intersect({{0, 0x7f}}), beyond = set.intersect({{0x80, 0x10ffff}});
  for (const CodePointRange& range : ascii.ranges())
    add(from, {.kind = Move::Kind::Byte,
               .first = static_cast<uint8_t>(range.first),
               .last = static_cast<uint8_t>(range.last),
               .to = to});
  if (beyond.empty()) return;
  const auto [known, added] = beyond_ascii_.try_emplace(beyond.ranges());
  Built& built = known->second;
  if (!added) return copy(built, from, to);
  const auto states = [this] { return static_cast<State>(automaton_.is_end_.size()); };
  built = {.from = from, .to = to, .first_state = states(), .first_move = moves_.size()};
  build_beyond_ascii(beyond, from, to);
  built.end_state = states(), built.end_move = moves_.size();
}

// What was built between two states once more between others. Its moves do not come back to the first one.
void AutomatonBuilder::copy(const Built& built, State from, State to) {
  const auto base = static_cast<State>(automaton_.is_end_.size());
  for (State state = built.first_state; state < built.end_state; state++) new_state();
  for (size_t i = built.first_move; i < built.end_move; i++) {
    auto [source, move] = moves_[i];
    move.to = move.to == built.to ? to : base + (move.to - built.first_state);
    add(source == built.from ? from : base + (source - built.first_state), move);
  }
}

void AutomatonBuilder::build_beyond_ascii(const CodePointSet& set, State from, State to) {
  suffixes_.clear();  // they all lead to `to`
  struct Length {
    char32_t first, last;
    int continuations;
    uint32_t lead;
  };
  constexpr Length lengths[] = {{0x80, 0x7ff, 1, 0xc0}, {0x800, 0xffff, 2, 0xe0}, {0x10000, 0x10ffff, 3, 0xf0}};
  for (const Length& length : lengths) {
    std::map<uint32_t, Values> by_lead;  // what follows each first byte
    for (const CodePointRange& range : set.ranges()) {
      const uint32_t first = std::max(range.first, length.first), last = std::min(range.last, length.last);
      if (first > last) continue;
      const int bits = 6 * length.continuations;
      const uint32_t low_bits = (1U << bits) - 1;
      for (uint32_t head = first >> bits; head <= last >> bits; head++)
        by_lead[length.lead | head].emplace_back(head == first >> bits ? first & low_bits : 0,
                                                 head == last >> bits ? last & low_bits : low_bits);
    }
    for (auto run = by_lead.begin(); run != by_lead.end();) {
      auto after = std::next(run);
      while (after != by_lead.end() && std::prev(after)->first + 1 == after->first && after->second == run->second)
        ++after;
      const State next = new_state();
      add(from, {.kind = Move::Kind::Byte,
                 .first = static_cast<uint8_t>(run->first),
                 .last = static_cast<uint8_t>(std::prev(after)->first),
                 .to = next});
      build_continuations(run->second, length.continuations, next, to);
      run = after;
    }
  }
}

// The last `bytes` bytes of characters whose last bits are in the ranges.
void AutomatonBuilder::build_continuations(const Values& values, int bytes, State from, State to) {
  const int bits = 6 * (bytes - 1);
  const uint32_t low_bits = (1U << bits) - 1;
  std::map<uint32_t, Values> by_head;
  for (const auto& [first, last] : values) {
    for (uint32_t head = first >> bits; head <= last >> bits; head++)
      by_head[0x80 | head].emplace_back(head == first >> bits ? first & low_bits : 0,
                                        head == last >> bits ? last & low_bits : low_bits);
  }
  for (auto run = by_head.begin(); run != by_head.end();) {
    auto after = std::next(run);
    while (after != by_head.end() && std::prev(after)->first + 1 == after->first && after->second == run->second)
      ++after;
    State next = to;
    if (bytes > 1) {
      const auto [known, added] = suffixes_.try_emplace({bytes - 1, run->second}, 0);
      if (added) {
        known->second = next = new_state();
        build_continuations(run->second, bytes - 1, next, to);
      }
      next = known->second;
    }
    add(from, {.kind = Move::Kind::Byte,
               .first = static_cast<uint8_t>(run->first),
               .last = static_cast<uint8_t>(std::prev(after)->first),
               .to = next});
    run = after;
  }
}

}  // namespace foretell::constrain
