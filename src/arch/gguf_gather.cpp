#include "arch/gguf_gather.h"

#include <algorithm>
#include <cstring>

#include "checkpoint/stored_matrix.h"

namespace foretell {
namespace {

using Bytes = std::vector<std::byte>;

int64_t rows_of(const TensorView& matrix) { return matrix.elements() / matrix.shape.back(); }

Gathered gathered(const TensorView& like, DType dtype, std::vector<int64_t> shape, std::shared_ptr<const Bytes> bytes) {
  Gathered result{.view = like, .storage = bytes};
  result.view.dtype = dtype;
  result.view.shape = std::move(shape);
  result.view.bytes = *bytes;
  result.view.mapped = false;
  return result;
}

// Whether the order takes whole blocks of `size` from where whole blocks are.
bool moves_blocks(const std::vector<int64_t>& order, int64_t size) {
  for (size_t i = 0; i < order.size(); i++) {
    const int64_t inside = static_cast<int64_t>(i) % size;
    if (order[i] % size != inside || (inside > 0 && order[i] != order[i - 1] + 1)) return false;
  }
  return static_cast<int64_t>(order.size()) % size == 0;
}

}  // namespace

Gathered gather_rows(std::span<const TensorView* const> parts, const std::vector<int64_t>& order,
                     const std::string& name) {
  const TensorView& first = *parts.front();
  const int64_t cols = first.shape.back();
  const bool alike =
      std::all_of(parts.begin(), parts.end(), [&](const TensorView* p) { return p->dtype == first.dtype; });
  const DType dtype = alike ? first.dtype : DType::F32;
  const size_t row_bytes = first.bytes.size() / static_cast<size_t>(rows_of(first));
  const size_t line = alike ? row_bytes : static_cast<size_t>(cols) * sizeof(float);
  auto bytes = std::make_shared<Bytes>(order.size() * line);
  for (size_t i = 0; i < order.size(); i++) {
    size_t part = 0;
    int64_t row = order[i];
    for (; row >= rows_of(*parts[part]); part++) row -= rows_of(*parts[part]);
    std::byte* to = bytes->data() + i * line;
    if (alike) {
      std::memcpy(to, parts[part]->bytes.data() + static_cast<size_t>(row) * line, line);
    } else {
      std::vector<float> values(static_cast<size_t>(cols));
      StoredMatrix::of(*parts[part], name).read_row(row, values.data());
      std::memcpy(to, values.data(), line);
    }
  }
  return gathered(first, dtype, {static_cast<int64_t>(order.size()), cols}, std::move(bytes));
}

Gathered gather_columns(const TensorView& matrix, const std::vector<int64_t>& order, const std::string& name) {
  const DTypeInfo& layout = info(matrix.dtype);
  const int64_t rows = rows_of(matrix), cols = matrix.shape.back();
  const bool blocks = moves_blocks(order, layout.block_elements);
  const auto size = static_cast<size_t>(blocks ? layout.block_bytes : static_cast<int>(sizeof(float)));
  const int64_t elements = blocks ? layout.block_elements : 1, count = cols / elements;
  auto bytes = std::make_shared<Bytes>(static_cast<size_t>(rows * count) * size);
  const StoredMatrix stored = StoredMatrix::of(matrix, name);
  std::vector<float> values(static_cast<size_t>(cols));
  for (int64_t r = 0; r < rows; r++) {
    const std::byte* from = matrix.bytes.data() + static_cast<size_t>(r * count) * size;
    if (!blocks) {
      stored.read_row(r, values.data());
      from = reinterpret_cast<const std::byte*>(values.data());
    }
    std::byte* to = bytes->data() + static_cast<size_t>(r * count) * size;
    for (int64_t b = 0; b < count; b++)
      std::memcpy(to + static_cast<size_t>(b) * size,
                  from + static_cast<size_t>(order[static_cast<size_t>(b * elements)] / elements) * size, size);
  }
  return gathered(matrix, blocks ? matrix.dtype : DType::F32, {rows, cols}, std::move(bytes));
}

}  // namespace foretell
