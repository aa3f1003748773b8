// Packs weight matrices unit by unit (kernels/table.h has the layout), from whatever they are stored as.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/table.h"
#include "model/packed_matrix.h"

namespace foretell {

// Has the scratch of one thread: at most one unit as floats.
class UnitPacker {
 public:
  explicit UnitPacker(const kernels::Table& table) : table_(table) {}

  // Packs one unit of `source` to `out`, matrix.unit_bytes() bytes, as plan_packing said. The stored bytes are read
  // once. Throws Error where a number does not fit.
  void pack(const MatrixSource& source, const PackedMatrix& matrix, int64_t unit, std::byte* out);

 private:
  class Lines;
  void quantize(Lines& lines, const MatrixSource& source, const PackedMatrix& matrix, std::byte* out);
  void narrow(Lines& lines, int64_t cols, std::byte* out);

  const kernels::Table& table_;
  std::vector<float> rows_;       // [32][cols]: the unit as floats, where it is stored as something else
  std::vector<std::byte> lines_;  // some inputs of the unit, [inputs][32]
};

}  // namespace foretell
