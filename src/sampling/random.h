// The random generator under uniform_random.
#pragma once

#include <array>
#include <cstdint>

namespace foretell {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

}  // namespace foretell
