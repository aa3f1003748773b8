// The code books of GGUF's IQ types: the vectors of eight or four values that a code may stand for.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace foretell::gguf {

using Grid8 = std::span<const std::array<int8_t, 8>>;
using Grid4 = std::span<const std::array<int8_t, 4>>;

Grid8 iq1_grid();      // 2048 of -1, 0, 1
Grid8 iq2_xxs_grid();  // 256 of 8, 25, 43
Grid8 iq2_xs_grid();   // 512 of the same
Grid8 iq2_s_grid();    // 1024 of the same
Grid4 iq3_xxs_grid();  // 256 of 4, 12, 20, 28, 36, 44, 52, 62
Grid4 iq3_s_grid();    // 512 of 1, 3, 5, 7, 9, 11, 13, 15

}  // namespace foretell::gguf
