// Sizes of rows that the kernels read and write whole.
#pragma once

#include <cstdint>

#include "kernels/table.h"

namespace foretell {

constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
// Floats in a row of n, with the zeros after them.
constexpr int64_t padded(int64_t n) { return round_up(n, kernels::unit_rows); }

}  // namespace foretell
