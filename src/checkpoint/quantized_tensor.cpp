#include "checkpoint/quantized_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/float16.h"

namespace foretell {
namespace {

// Dimensions beyond this are no matrix's; products with the sizes of groups and words cannot overflow.
constexpr int64_t largest_dimension = int64_t{1} << 40;

template <class T>
T load(const std::byte* p) {  // not always aligned
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

}  // namespace

void QuantizedTensor::read_groups(int64_t, uint8_t*, float*, float*) const {
  throw Error({.what = "weights of this format are not affine groups", .found = description});
}

int64_t QuantizedTensor::stored_bytes() const {
  int64_t bytes = 0;
  for (const TensorView& part : parts) bytes += static_cast<int64_t>(part.bytes.size());
  return bytes;
}

void IntegerTensor::set_groups(int code_bits, int64_t inputs_per_scale, bool plain_zeros, DType scales) {
  inputs_per_scale_ = inputs_per_scale;
  const bool whole = inputs_per_scale % block == 0 && cols() % inputs_per_scale == 0;
  if (!whole || !input_groups_.empty() || inputs_per_scale > std::numeric_limits<int>::max()) return;
  bits = code_bits;
  group_size = static_cast<int>(inputs_per_scale);
  // A power of two times a 16-bit float is one too; other zero points need more bits.
  scale_dtype = plain_zeros ? scales : DType::F32;
}

void IntegerTensor::read(int64_t row, int64_t begin, int64_t end, float* out) const {
  std::vector<Group> of_row;  // where each input may belong to another group
  if (!input_groups_.empty()) {
    const int64_t groups = *std::max_element(input_groups_.begin(), input_groups_.end()) + 1;
    for (int64_t g = 0; g < groups; g++) of_row.push_back(group(row, g));
  }
  uint8_t codes[block];
  Group current;
  for (int64_t i = begin; i < end; i++) {
    if (i == begin || i % block == 0) unpack(row, i / block, codes);
    if (!of_row.empty())
      current = of_row[static_cast<size_t>(input_groups_[static_cast<size_t>(i)])];
    else if (i == begin || i % inputs_per_scale_ == 0)
      current = group(row, i / inputs_per_scale_);
    *out++ = static_cast<float>(codes[i % block] - current.zero) * current.scale;
  }
}

void IntegerTensor::read_groups(int64_t row, uint8_t* codes, float* scales, float* biases) const {
  for (int64_t b = 0; b < cols() / block; b++) unpack(row, b, codes + b * block);
  for (int64_t g = 0; g < cols() / inputs_per_scale_; g++) {
    const Group of_inputs = group(row, g);
    scales[g] = of_inputs.scale;
    biases[g] = static_cast<float>(-of_inputs.zero) * of_inputs.scale;
  }
}

float float_at(const TensorView& tensor, int64_t index) {
  const std::byte* p = tensor.bytes.data() + index * info(tensor.dtype).block_bytes;
  switch (tensor.dtype) {
    case DType::F16:
      return float_from_f16(load<uint16_t>(p));
    case DType::BF16:
      return float_from_bf16(load<uint16_t>(p));
    case DType::U8:
    case DType::F8E8M0:  // a power of two, 2^(byte - 127)
      return *p == std::byte{255} ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0F, load<uint8_t>(p) - 127);
    default:
      return load<float>(p);
  }
}

uint32_t word_at(const TensorView& tensor, int64_t index) { return load<uint32_t>(tensor.bytes.data() + 4 * index); }

namespace {

// Code `i` where word w of the string is the tensor's word first + w * step.
int code_at(const TensorView& words, int64_t first, int64_t step, int64_t i, int bits) {
  const int64_t begin = i * bits, word = begin / 32, end = begin + bits - 1;
  uint64_t both = word_at(words, first + word * step);
  if (end / 32 != word) both |= static_cast<uint64_t>(word_at(words, first + (word + 1) * step)) << 32;
  return static_cast<int>(both >> begin % 32 & ((1U << bits) - 1));
}

}  // namespace

int code_in_row(const TensorView& words, int64_t row, int64_t i, int bits) {
  return code_at(words, row * words.shape[1], 1, i, bits);
}

int code_in_column(const TensorView& words, int64_t column, int64_t i, int bits) {
  return code_at(words, column, words.shape[1], i, bits);
}

Error LayerParts::error(std::string_view suffix, std::string what, std::string expected, std::string found) const {
  const TensorView* tensor = find(suffix);
  return Error({.what = std::move(what),
                .file = (tensor == nullptr ? checkpoint_.path : tensor->file).string(),
                .where = layer_ + std::string(suffix),
                .expected = std::move(expected),
                .found = std::move(found)});
}

const TensorView& LayerParts::need(std::string_view suffix, std::initializer_list<DType> dtypes, int dimensions) const {
  const TensorView* tensor = find(suffix);
  if (tensor == nullptr) throw error(suffix, "tensor is missing", {}, {});
  if (std::find(dtypes.begin(), dtypes.end(), tensor->dtype) == dtypes.end()) {
    std::string names;
    for (const DType dtype : dtypes) names += (names.empty() ? "" : ", ") + std::string(info(dtype).name);
    throw error(suffix, "unexpected dtype", names, std::string(info(tensor->dtype).name));
  }
  if (dimensions >= 0 && tensor->shape.size() != static_cast<size_t>(dimensions))
    throw error(suffix, "unexpected shape", std::to_string(dimensions) + " dimensions", shape_text(tensor->shape));
  for (const int64_t size : tensor->shape)
    if (size < 1 || size > largest_dimension)
      throw error(suffix, "unexpected shape", "dimensions of 1 to 2^40", shape_text(tensor->shape));
  return *tensor;
}

void LayerParts::check_shape(std::string_view suffix, const std::vector<int64_t>& expected) const {
  const TensorView* tensor = find(suffix);
  if (tensor->shape != expected)
    throw error(suffix, "shape does not fit the layer's other tensors", shape_text(expected),
                shape_text(tensor->shape));
}

void LayerParts::replace(std::string_view suffix, std::shared_ptr<QuantizedTensor> tensor,
                         std::initializer_list<std::string_view> parts,
                         std::initializer_list<std::string_view> others) {
  TensorView view;
  for (const std::string_view part : parts) {
    const auto it = checkpoint_.tensors.find(layer_ + std::string(part));
    if (it == checkpoint_.tensors.end()) continue;
    tensor->parts.push_back(it->second);
    checkpoint_.tensors.erase(it);
  }
  for (const std::string_view other : others) checkpoint_.tensors.erase(layer_ + std::string(other));
  view = tensor->parts.front();
  view.shape = tensor->shape;
  view.quantized = std::move(tensor);
  const std::string name = layer_ + std::string(suffix);
  if (!checkpoint_.tensors.emplace(name, view).second)
    throw error(suffix, "a layer has float weights and quantized ones", "one of them", name + " beside its codes");
}

std::vector<int32_t> read_input_groups(const LayerParts& parts, std::string_view suffix, int64_t inputs,
                                       int64_t group_size, int64_t groups) {
  const TensorView* stored = parts.find(suffix);
  if (stored == nullptr) return {};
  parts.need(suffix, {DType::I32}, 1);
  parts.check_shape(suffix, {inputs});
  std::vector<int32_t> of_input;
  bool runs = true;
  for (int64_t i = 0; i < inputs; i++) {
    of_input.push_back(static_cast<int32_t>(word_at(*stored, i)));
    if (of_input.back() < 0 || of_input.back() >= groups)
      throw parts.error(suffix, "an input's group is out of range", "0 to " + std::to_string(groups - 1),
                        std::to_string(of_input.back()));
    runs = runs && of_input.back() == i / group_size;
  }
  if (runs) of_input.clear();
  return of_input;
}

std::vector<std::string> layers_with(const Checkpoint& checkpoint, std::string_view suffix) {
  std::vector<std::string> layers;
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (name.ends_with(suffix)) layers.push_back(name.substr(0, name.size() - suffix.size()));
  return layers;
}

std::string group_text(int64_t group_size, int64_t cols) {
  return group_size == cols ? "one scale a row" : "groups of " + std::to_string(group_size);
}

}  // namespace foretell
