// A weight matrix as it is stored, [rows, cols] = [outputs, inputs], or a stack of such, read row by row, whatever the
// layout:
//   floats    F16, BF16, F32, F64
//   affine    MLX's groups: X.weight (uint32 words that hold a row's values as one string of bits, lowest bits first;
//             with 3, 5 and 6 bits a value may lie in two words), X.scales, X.biases; w = q * scale + bias for each
//             group of inputs
//   blocks    GGUF's blocks that are affine groups of 32 too, without loss (checkpoint/gguf_blocks.h says which)
//   joined    several tensors that are affine groups of any multiple of 32 inputs (checkpoint/quantized_formats.h)
//   decoded   what is no affine group of 32 or more inputs with codes of at most 8 bits: GGUF's blocks with finer
//             scales, float8 with scales, NF4; only its floats can be read
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/codes.h"

namespace foretell {

class StoredMatrix {
 public:
  enum class Layout { Float, Affine, Blocks, Joined, Decoded };

  StoredMatrix() = default;
  // Finds NAME (which ends in ".weight"), with its .scales and .biases where config.json's "quantization" says or they
  // are there, and checks shapes, bits and group size. Throws Error where anything is missing or does not fit.
  static StoredMatrix find(const Checkpoint& checkpoint, const std::string& name);
  // One tensor alone, floats or GGUF's blocks; 1-D counts as one row.
  static StoredMatrix of(const TensorView& tensor, std::string name);

  // A tensor of three dimensions, [slices, rows, cols] (a layer's experts, say), is read as one matrix of
  // slices * rows rows; slice(i) is its i-th matrix alone, rows() and all that follows with it.
  int64_t slices() const { return slices_; }
  StoredMatrix slice(int64_t i) const;

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  Layout layout() const { return layout_; }
  // Whether read_groups gives the weights without loss.
  bool grouped() const { return layout_ != Layout::Float && layout_ != Layout::Decoded && !updated(); }
  // An adapter adds to it: only `read` gives what it is, and the stored bytes are not.
  bool updated() const { return !weight_->updates.empty(); }
  const std::string& name() const { return name_; }
  const TensorView& tensor() const { return *weight_; }
  // "BF16", "Q4_1", "affine 4-bit, groups of 32"
  std::string describe() const;

  // Where grouped: 2, 3, 4, 5, 6 or 8 bits; 32, 64 or 128 inputs, or for Joined any multiple of 32.
  int bits() const { return bits_; }
  int group_size() const { return group_size_; }
  // The dtype of the scales and biases: F16, BF16 or F32.
  DType scale_dtype() const { return scale_dtype_; }

  // The matrix's elements [begin, end) of a row as floats, to out[end - begin], rounded once (groups: q * scale +
  // bias). Begin and end are multiples of the group or block size, or the end of the row.
  void read(int64_t row, int64_t begin, int64_t end, float* out) const;
  void read_row(int64_t row, float* out) const { read(row, 0, cols_, out); }
  // Only where grouped: the codes of a row, [cols], and its groups' scales and biases, [cols / group_size],
  // without loss.
  void read_groups(int64_t row, uint8_t* codes, float* scales, float* biases) const;

  // The stored bytes of a row (of its codes for Affine), for fast paths that know the layout; the rotary order is
  // undone.
  const std::byte* row_bytes(int64_t row) const;
  const std::byte* row_scales(int64_t row) const;  // Affine only
  const std::byte* row_biases(int64_t row) const;  // Affine only

  // The parts of files' mappings that hold this matrix, to be let go of or read ahead; none of memory that is no
  // file's. What the slices of a stack share counts as the last one's.
  std::vector<std::span<const std::byte>> file_bytes() const { return file_bytes(0, rows_); }
  // The same of rows [first, first + count) alone, as they are stored. What several tensors make up has no such parts:
  // it counts as its last row's.
  std::vector<std::span<const std::byte>> file_bytes(int64_t first, int64_t count) const;

 private:
  void find_groups(const Checkpoint& checkpoint, const std::string& layer);
  void take(const TensorView& tensor);
  void read_stored(int64_t row, int64_t begin, int64_t end, float* out) const;
  void take_joined(const QuantizedTensor& tensor);
  std::span<const std::byte> bytes_of_rows(const TensorView& tensor, int64_t first, int64_t count) const;
  int64_t stored_row(int64_t row) const;
  int64_t row_stride() const;
  // What is unpacked at once: a group, or a block of several; a multiple of it begins and ends what can be read.
  int64_t unit_size() const;
  // Unit `unit` of a grouped row: its codes and its groups.
  void unpack_unit(int64_t row, int64_t unit, uint8_t* codes, AffineScale* groups) const;

  const TensorView* weight_ = nullptr;  // in the checkpoint, which outlives this
  const TensorView* scales_ = nullptr;
  const TensorView* biases_ = nullptr;
  std::string name_;
  Layout layout_ = Layout::Float;
  int64_t rows_ = 0, cols_ = 0;
  int64_t slices_ = 1;
  int64_t first_row_ = 0;  // of the stored ones, for a slice
  int bits_ = 0, group_size_ = 0;
  DType scale_dtype_ = DType::F32;
};

// Elements [begin, end) of a float tensor as floats, less TensorView::offset. Throws Error for other dtypes.
void read_floats(const TensorView& tensor, int64_t begin, int64_t end, float* out);

}  // namespace foretell
