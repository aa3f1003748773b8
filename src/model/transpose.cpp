#include "model/transpose.h"

#include <algorithm>
#include <cstring>

namespace foretell {
namespace {

using kernels::panel_rows;
using kernels::unit_rows;

// The vectors that every 64-bit processor has; the compiler finds the instructions.
using Words16 [[gnu::vector_size(16)]] = uint16_t;
using Words32 [[gnu::vector_size(16)]] = uint32_t;

inline Words16 interleave_low(Words16 a, Words16 b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
inline Words16 interleave_high(Words16 a, Words16 b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
inline Words32 interleave_low(Words32 a, Words32 b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
inline Words32 interleave_high(Words32 a, Words32 b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }

// x[i][j] becomes x[j][i]: log2(N) rounds, each of which interleaves the first half of the vectors with the second.
template <class Words, int N>
inline void transpose_square(Words (&x)[N]) {
#pragma GCC unroll 3
  for (int size = 1; size < N; size *= 2) {
    Words y[N];
#pragma GCC unroll 4
    for (int i = 0; i < N / 2; i++) {
      y[2 * i] = interleave_low(x[i], x[i + N / 2]);
      y[2 * i + 1] = interleave_high(x[i], x[i + N / 2]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < N; i++) x[i] = y[i];
  }
}

// `Words` wide columns of as many rows, from byte `at` of each.
template <class Words>
inline void transpose_block(const std::byte* const* rows, int64_t at, std::byte* out, int64_t line) {
  constexpr int n = sizeof(Words) / sizeof(Words{}[0]);
  Words x[n];
#pragma GCC unroll 8
  for (int i = 0; i < n; i++) std::memcpy(&x[i], rows[i] + at, sizeof(Words));
  transpose_square(x);
#pragma GCC unroll 8
  for (int i = 0; i < n; i++) std::memcpy(out + i * line, &x[i], sizeof(Words));
}

// Whole cache lines of a few rows at a time: rows are often a power of two apart, and then few of their lines fit into
// the first-level cache together.
template <class Words>
int64_t transpose_whole_lines(const std::byte* const* rows, int64_t cols, std::byte* out) {
  constexpr int64_t word = sizeof(Words{}[0]), n = sizeof(Words) / word, line = unit_rows * word;
  constexpr int64_t cache_line = 64 / word;
  int64_t c = 0;
  for (; c + cache_line <= cols; c += cache_line)
    for (int64_t r = 0; r < unit_rows; r += n)
      for (int64_t i = c; i < c + cache_line; i += n)
        transpose_block<Words>(rows + r, i * word, out + i * line + r * word, line);
  return c;
}

// Two words of eight codes in a row, of four rows: the even codes in one, the odd ones in the other.
inline void split_codes(Words32& first, Words32& second) {
  const auto every_other = [](Words32 a, Words32 b) {
    a &= 0x00ff00ffU;
    b &= 0x00ff00ffU;
    return ((a | a >> 8) & 0xffffU) | (b | b >> 8) << 16;
  };
  const Words32 even = every_other(first, second), odd = every_other(first >> 8, second >> 8);
  first = even;
  second = odd;
}

}  // namespace

void transpose_rows(const std::byte* const* rows, int64_t count, int64_t cols, int word_bytes, std::byte* out) {
  const int64_t line = unit_rows * word_bytes;
  int64_t c = 0;
  if (count == unit_rows)
    c = word_bytes == 2 ? transpose_whole_lines<Words16>(rows, cols, out)
                        : transpose_whole_lines<Words32>(rows, cols, out);
  for (; c < cols; c++) {
    std::byte* to = out + c * line;
    for (int64_t r = 0; r < count; r++, to += word_bytes)
      std::copy_n(rows[r] + c * word_bytes, static_cast<size_t>(word_bytes), to);
    std::fill(to, out + (c + 1) * line, std::byte{});
  }
}

void transpose_group4(const std::byte* const* rows, std::byte* lines) {
  for (int r = 0; r < panel_rows; r += 4) transpose_block<Words32>(rows + r, 0, lines + 4 * r, 64);
}

void transpose_group8(const std::byte* const* rows, std::byte* lines) {
  for (int r = 0; r < panel_rows; r += 4) {
    for (int half = 0; half < 2; half++) {
      Words32 x[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) std::memcpy(&x[i], rows[r + i] + 16 * half, sizeof x[i]);
      transpose_square(x);
      split_codes(x[0], x[1]);
      split_codes(x[2], x[3]);
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) std::memcpy(lines + 256 * half + 64 * i + 4 * r, &x[i], sizeof x[i]);
    }
  }
}

}  // namespace foretell
