#include "model/tensor_writers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/float16.h"
#include "base/mapped_file.h"
#include "foretell/error.h"

namespace foretell {
namespace {

template <class T>
void store_as(T value, std::byte* out) {
  std::memcpy(out, &value, sizeof value);
}

// Codes as one string of bits, the lowest first.
void pack_bits(const uint8_t* codes, int64_t count, int bits, std::byte* out) {
  uint32_t pending = 0;
  int have = 0;
  for (int64_t i = 0; i < count; i++) {
    pending |= static_cast<uint32_t>(codes[i]) << have;
    for (have += bits; have >= 8; have -= 8, pending >>= 8) *out++ = static_cast<std::byte>(pending & 0xff);
  }
}

Error too_large(float value, DType dtype) {
  return Error({.what = "a number is too large for " + std::string(info(dtype).name),
                .expected = dtype == DType::F16 ? "at most 65504" : "at most 3.39e38",
                .found = std::to_string(value),
                .hint = "--dtype " + std::string(dtype == DType::F16 ? "bfloat16 or " : "") + "float32 holds it"});
}

// Rows of a matrix in a float type.
class RowBytes {
 public:
  RowBytes(StoredMatrix matrix, DType dtype)
      : matrix_(std::move(matrix)),
        dtype_(dtype),
        as_stored_(matrix_.layout() == StoredMatrix::Layout::Float && !matrix_.updated() &&
                   matrix_.tensor().dtype == dtype && matrix_.tensor().offset == 0) {}

  void read(int64_t row, float* floats, std::byte* out) const {
    const int64_t cols = matrix_.cols();
    if (as_stored_) {
      std::memcpy(out, matrix_.row_bytes(row), static_cast<size_t>(cols * info(dtype_).block_bytes));
      return;
    }
    matrix_.read_row(row, floats);
    try {
      store_floats(floats, cols, dtype_, out);
    } catch (const Error& error) {
      throw error.with(
          {.file = matrix_.tensor().file.string(), .where = matrix_.name() + " row " + std::to_string(row)});
    }
  }

 private:
  StoredMatrix matrix_;
  DType dtype_;
  bool as_stored_;
};

}  // namespace

void store_floats(const float* values, int64_t count, DType dtype, std::byte* out) {
  const auto check = [&](float value, float back) {
    if (std::isinf(back) && std::isfinite(value)) throw too_large(value, dtype);
  };
  switch (dtype) {
    case DType::F16:
      for (int64_t i = 0; i < count; i++) {
        const uint16_t bits = f16_from_float(values[i]);
        check(values[i], float_from_f16(bits));
        store_as(bits, out + 2 * i);
      }
      return;
    case DType::BF16:
      for (int64_t i = 0; i < count; i++) {
        const uint16_t bits = bf16_from_float(values[i]);
        check(values[i], float_from_bf16(bits));
        store_as(bits, out + 2 * i);
      }
      return;
    default:
      std::memcpy(out, values, static_cast<size_t>(count) * 4);
  }
}

std::vector<int64_t> shape_of(const StoredMatrix& matrix) {
  if (matrix.tensor().shape.size() < 3) return {matrix.rows(), matrix.cols()};
  return {matrix.slices(), matrix.rows() / matrix.slices(), matrix.cols()};
}

TensorToWrite float_tensor(const StoredMatrix& matrix, DType dtype, bool turn, ThreadPool& pool) {
  std::vector<int64_t> shape = shape_of(matrix);
  if (turn) std::swap(shape[shape.size() - 2], shape.back());
  const auto size = static_cast<size_t>(info(dtype).block_bytes);
  const RowBytes source(matrix, dtype);
  return {matrix.name(), dtype, shape, [=, &pool](std::span<std::byte> out) {
            const int64_t cols = matrix.cols(), outputs = matrix.rows() / matrix.slices();
            const size_t stride = static_cast<size_t>(cols) * size;
            for_blocks(pool, matrix.rows(), [&](int64_t first, int64_t count) {
              std::vector<float> floats(static_cast<size_t>(cols));
              std::vector<std::byte> row(turn ? stride : 0);
              for (int64_t r = first; r < first + count; r++) {
                if (!turn) {
                  source.read(r, floats.data(), out.data() + static_cast<size_t>(r) * stride);
                  continue;
                }
                source.read(r, floats.data(), row.data());
                std::byte* to = out.data() + static_cast<size_t>(r / outputs * outputs * cols + r % outputs) * size;
                for (size_t c = 0; c < static_cast<size_t>(cols); c++)
                  std::memcpy(to + c * static_cast<size_t>(outputs) * size, row.data() + c * size, size);
              }
            });
            for (const auto& range : matrix.file_bytes()) release_pages(range);
          }};
}

TensorToWrite copied_tensor(const std::string& name, const TensorView& view) {
  return {name, view.dtype, view.shape, [&view](std::span<std::byte> out) {
            std::copy(view.bytes.begin(), view.bytes.end(), out.begin());
            if (view.mapped) release_pages(view.bytes);
          }};
}

TensorToWrite plain_floats(const std::string& name, const TensorView& view, DType dtype) {
  return {name, dtype, view.shape, [&view, name, dtype](std::span<std::byte> out) {
            constexpr int64_t piece = 1 << 16;
            const int64_t size = info(dtype).block_bytes;
            std::vector<float> values(static_cast<size_t>(std::min(piece, view.elements())));
            for (int64_t first = 0; first < view.elements(); first += piece) {
              const int64_t count = std::min(piece, view.elements() - first);
              read_floats(view, first, first + count, values.data());
              try {
                store_floats(values.data(), count, dtype, out.data() + first * size);
              } catch (const Error& error) {
                throw error.with({.file = view.file.string(), .where = name});
              }
            }
            if (view.mapped) release_pages(view.bytes);
          }};
}

std::vector<TensorToWrite> group_tensors(const std::string& layer, const std::vector<int64_t>& shape,
                                         GroupLayout layout, DType dtype, const SliceReader& read, ThreadPool& pool) {
  const int64_t cols = shape.back(), groups = cols / layout.group_size;
  const int64_t slices = shape.size() == 3 ? shape[0] : 1, outputs = shape[shape.size() - 2], rows = slices * outputs;
  const auto with_last = [&](int64_t size) {
    std::vector<int64_t> sizes = shape;
    sizes.back() = size;
    return sizes;
  };
  // Scales and biases come with the codes and are kept until it is their turn.
  struct Kept {
    std::vector<float> scales, biases;
  };
  const auto kept = std::make_shared<Kept>();
  std::vector<TensorToWrite> tensors;
  tensors.push_back({layer + ".weight", DType::U32, with_last(cols * layout.bits / 32), [=, &pool](auto out) {
                       kept->scales.resize(static_cast<size_t>(rows * groups));
                       kept->biases.resize(kept->scales.size());
                       for (int64_t slice = 0; slice < slices; slice++) {
                         const GroupReader read_rows = read(slice);
                         for_blocks(pool, outputs, [&](int64_t begin, int64_t count) {
                           const int64_t first = slice * outputs + begin;
                           std::vector<uint8_t> codes(static_cast<size_t>(count * cols));
                           read_rows(first, count, codes.data(), kept->scales.data() + first * groups,
                                     kept->biases.data() + first * groups);
                           pack_bits(codes.data(), count * cols, layout.bits,
                                     out.data() + first * cols * layout.bits / 8);
                         });
                       }
                     }});
  const auto add_floats = [&](const char* suffix, std::vector<float> Kept::*values) {
    tensors.push_back({layer + suffix, dtype, with_last(groups), [=](std::span<std::byte> out) {
                         std::vector<float>& from = (*kept).*values;
                         store_floats(from.data(), static_cast<int64_t>(from.size()), dtype, out.data());
                         from = {};
                       }});
  };
  add_floats(".scales", &Kept::scales);
  add_floats(".biases", &Kept::biases);
  return tensors;
}

}  // namespace foretell
