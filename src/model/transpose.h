// Rows side by side: what stands row by row in a file, turned into lines of one input each (kernels/table.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/table.h"

namespace foretell {

// out[c][r] = rows[r][c] for `cols` inputs of `count` rows, in lines of kernels::unit_rows words of 2 or 4 bytes; lanes
// beyond `count` become zeros. Nothing needs to be aligned.
void transpose_rows(const std::byte* const* rows, int64_t count, int64_t cols, int word_bytes, std::byte* out);

// The codes of one group of kernels::panel_rows rows to the group's lines. rows[r] points at the row's group, 16 bytes
// of 4-bit codes or 32 of 8-bit ones.
void transpose_group4(const std::byte* const* rows, std::byte* lines);
void transpose_group8(const std::byte* const* rows, std::byte* lines);

}  // namespace foretell
