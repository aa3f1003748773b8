// Packing of what is stored in groups already: codes, scales and biases change their places only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/packed_matrix.h"

namespace foretell {

// One unit of a matrix that is stored in affine groups, to `out`. Throws Error where a scale does not fit.
void pack_groups(const MatrixSource& source, const PackedMatrix& matrix, int64_t unit, std::byte* out);

}  // namespace foretell
