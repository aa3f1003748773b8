#include "model/float_rows.h"

#include <algorithm>
#include <vector>

namespace foretell {

void FloatRows::read(int64_t first, int64_t count, float* out) const {
  if (!turned_) {
    for (int64_t r = 0; r < count; r++) matrix_.read_row(first + r, out + r * cols());
    return;
  }
  // A piece of each stored row holds one input of the rows that are wanted.
  std::vector<float> piece(static_cast<size_t>(count));
  while (count > 0) {
    const int64_t slice = first / outputs(), output = first % outputs();
    const int64_t here = std::min(count, outputs() - output);
    for (int64_t c = 0; c < cols(); c++) {
      matrix_.read(slice * cols() + c, output, output + here, piece.data());
      for (int64_t r = 0; r < here; r++) out[r * cols() + c] = piece[static_cast<size_t>(r)];
    }
    first += here;
    count -= here;
    out += here * cols();
  }
}

}  // namespace foretell
