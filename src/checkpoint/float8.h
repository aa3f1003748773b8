// The 8-bit floats of checkpoints.
#pragma once

#include <array>

#include "checkpoint/dtype.h"

namespace foretell {

// The value of each byte in E4M3 (no infinities, NaN is 0x7f and 0xff) or E5M2 (IEEE's rules): exact.
using Float8Values = std::array<float, 256>;
const Float8Values& float8_values(DType dtype);

}  // namespace foretell
