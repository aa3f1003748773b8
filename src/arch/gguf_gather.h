// GGUF's rows and columns put back into the published order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace foretell {

struct Gathered {
  TensorView view;
  std::shared_ptr<const void> storage;  // owns the view's bytes
};

// Row i is row order[i] of the parts' rows laid one after another; the parts are matrices of one number of columns.
// Copied as they are where the parts are of one type, else as floats.
Gathered gather_rows(std::span<const TensorView* const> parts, const std::vector<int64_t>& order,
                     const std::string& name);

// Column i is column order[i]. Copied as they are where whole blocks of the type move, else as floats.
Gathered gather_columns(const TensorView& matrix, const std::vector<int64_t>& order, const std::string& name);

}  // namespace foretell
