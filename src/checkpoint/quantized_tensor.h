// A weight matrix that a folder keeps in several tensors: codes, scales, zero points and what else its quantization
// needs. One TensorView under the matrix's own name stands for all of them (TensorView::quantized).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/codes.h"
#include "foretell/error.h"

namespace foretell {

// [rows, cols] = [outputs, inputs], or a stack of such whose rows are counted through all slices. Thread-safe.
class QuantizedTensor {
 public:
  virtual ~QuantizedTensor() = default;

  // Elements [begin, end) of a row to out[end - begin], each rounded once.
  virtual void read(int64_t row, int64_t begin, int64_t end, float* out) const = 0;
  // Where bits > 0: the codes of a row, [cols], and its groups' scales and biases, [cols / group_size].
  virtual void read_groups(int64_t row, uint8_t* codes, float* scales, float* biases) const;

  std::vector<int64_t> shape;     // of the matrix or stack
  std::string description;        // "GPTQ 4-bit, groups of 128"
  std::vector<TensorView> parts;  // the tensors as stored, the codes first
  // w = code * scale + bias: 2 to 8 bits, groups of a multiple of 32 inputs that divides the row. 0: only read().
  int bits = 0;
  int group_size = 0;
  DType scale_dtype = DType::F32;  // 16 bits where every scale and bias is such a number

  int64_t cols() const { return shape.back(); }
  int64_t stored_bytes() const;
};

// Whole numbers less a zero point, times a scale, both for each group of inputs of a row.
class IntegerTensor : public QuantizedTensor {
 public:
  static constexpr int64_t block = 32;

  void read(int64_t row, int64_t begin, int64_t end, float* out) const override;
  void read_groups(int64_t row, uint8_t* codes, float* scales, float* biases) const override;

 protected:
  struct Group {
    float scale = 0;
    int zero = 0;
  };
  // Codes of inputs 32 b .. 32 b + 31 of a row to codes[32]; those beyond the row are any.
  virtual void unpack(int64_t row, int64_t b, uint8_t* codes) const = 0;
  virtual Group group(int64_t row, int64_t g) const = 0;
  // Says what the subclass's tensors hold; `zeros` tells whether all zero points are 0 or 2^(bits - 1).
  void set_groups(int code_bits, int64_t inputs_per_scale, bool plain_zeros, DType scales);

  int64_t inputs_per_scale_ = 0;
  std::vector<int32_t> input_groups_;  // the group of each input, where groups are no runs of inputs
};

// An element of a tensor of F16, BF16, F32, or F8_E8M0 or U8, which hold exponents.
float float_at(const TensorView& tensor, int64_t index);
// A 32-bit word, counted from the tensor's beginning.
uint32_t word_at(const TensorView& tensor, int64_t index);
// Code `i` of the string of bits that the words of a row (a column) of a matrix of words are, lowest bits first.
int code_in_row(const TensorView& words, int64_t row, int64_t i, int bits);
int code_in_column(const TensorView& words, int64_t column, int64_t i, int bits);

// The tensors that make up one layer, taken out of the checkpoint and replaced by one. Errors name the tensor.
class LayerParts {
 public:
  LayerParts(Checkpoint& checkpoint, std::string layer) : checkpoint_(checkpoint), layer_(std::move(layer)) {}

  const std::string& layer() const { return layer_; }
  // The tensor LAYER + suffix, or null.
  const TensorView* find(std::string_view suffix) const { return checkpoint_.find(layer_ + std::string(suffix)); }
  // The same, of one of these dtypes and of `dimensions` dimensions (-1: any), none of which is 0. Throws Error.
  const TensorView& need(std::string_view suffix, std::initializer_list<DType> dtypes, int dimensions) const;
  void check_shape(std::string_view suffix, const std::vector<int64_t>& expected) const;
  Error error(std::string_view suffix, std::string what, std::string expected, std::string found) const;

  // Puts `tensor` in the place of the parts, under LAYER + suffix. `others` are let go of where they are there.
  void replace(std::string_view suffix, std::shared_ptr<QuantizedTensor> tensor,
               std::initializer_list<std::string_view> parts, std::initializer_list<std::string_view> others = {});

 private:
  Checkpoint& checkpoint_;
  std::string layer_;
};

// The group of each of a layer's inputs by its tensor of such (where it has one, [inputs] in 0 .. groups - 1); empty
// where groups are runs of group_size inputs.
std::vector<int32_t> read_input_groups(const LayerParts& parts, std::string_view suffix, int64_t inputs,
                                       int64_t group_size, int64_t groups);

// LAYER of every tensor LAYER + suffix.
std::vector<std::string> layers_with(const Checkpoint& checkpoint, std::string_view suffix);

// "groups of 128", or "one scale a row".
std::string group_text(int64_t group_size, int64_t cols);

constexpr std::initializer_list<DType> float_scales = {DType::F16, DType::BF16, DType::F32};

}  // namespace foretell
