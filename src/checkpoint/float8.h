// The 8-bit floats of checkpoints.
#pragma once

#include <cstdint>

#include "checkpoint/dtype.h"

namespace foretell {

// E4M3 (no infinities, NaN is 0x7f and 0xff) or E5M2 (IEEE's rules): exact.
float float_from_f8(DType dtype, uint8_t bits);

}  // namespace foretell
