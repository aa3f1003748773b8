#include "checkpoint/stored_matrix.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "checkpoint/adapter.h"
#include "checkpoint/float8.h"
#include "checkpoint/gguf_blocks.h"
#include "checkpoint/quantization.h"
#include "checkpoint/quantized_tensor.h"
#include "foretell/error.h"

namespace foretell {
namespace {

constexpr int max_unit = max_block_elements;
constexpr int max_unit_groups = max_unit / block_group_size;

Error tensor_error(const TensorView& tensor, const std::string& name, std::string what, std::string expected,
                   std::string found) {
  return Error({.what = std::move(what),
                .file = tensor.file.string(),
                .where = name,
                .expected = std::move(expected),
                .found = std::move(found)});
}

template <class T>
T load(const std::byte* p) {  // not always aligned
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Elements [begin, end) at p, whatever the alignment.
void convert(DType dtype, const std::byte* p, int64_t begin, int64_t end, float* out) {
  const int64_t count = end - begin;
  p += begin * info(dtype).block_bytes;
  switch (dtype) {
    case DType::F16:
      for (int64_t i = 0; i < count; i++) out[i] = float_from_f16(load<uint16_t>(p + 2 * i));
      return;
    case DType::BF16:
      for (int64_t i = 0; i < count; i++) out[i] = float_from_bf16(load<uint16_t>(p + 2 * i));
      return;
    case DType::F8E4M3:
    case DType::F8E5M2: {
      const Float8Values& values = float8_values(dtype);
      for (int64_t i = 0; i < count; i++) out[i] = values[load<uint8_t>(p + i)];
      return;
    }
    case DType::F64:
      for (int64_t i = 0; i < count; i++) out[i] = static_cast<float>(load<double>(p + 8 * i));
      return;
    default:
      std::memcpy(out, p, static_cast<size_t>(count) * sizeof(float));
  }
}

// The same for a tensor whose elements begin at p.
void convert(const TensorView& tensor, const std::byte* p, int64_t begin, int64_t end, float* out) {
  convert(tensor.dtype, p, begin, end, out);
  if (tensor.offset == 0) return;
  for (int64_t i = 0; i < end - begin; i++) out[i] -= tensor.offset;
}

// out = codes * scale + bias, rounded once. The product of a code and a scale of at most 16 significant bits is exact
// and needs no fused operation, which is slow where the compiler must call a function for it.
void scale_codes(const uint8_t* codes, int64_t count, AffineScale group, bool short_scale, float* out) {
  const auto [scale, bias] = group;
  if (short_scale && std::abs(scale) < 0x1p100f) {
    for (int64_t i = 0; i < count; i++) out[i] = static_cast<float>(codes[i]) * scale + bias;
  } else {
    for (int64_t i = 0; i < count; i++) out[i] = std::fma(static_cast<float>(codes[i]), scale, bias);
  }
}

// GGUF's order of rotary rows: see TensorView::interleaved_heads.
int64_t stored_row(int64_t row, int64_t rows, int64_t heads) {
  if (heads == 0) return row;
  const int64_t head_dim = rows / heads, half = head_dim / 2, inside = row % head_dim;
  return row - inside + (inside < half ? 2 * inside : 2 * (inside - half) + 1);
}

// The tensors' sizes were checked when they were opened, so that no product of dimensions overflows.
int64_t slice_count(const TensorView& tensor) { return tensor.shape.size() == 3 ? tensor.shape[0] : 1; }
int64_t row_count(const TensorView& tensor) {
  return tensor.shape.size() == 1 ? 1 : slice_count(tensor) * tensor.shape[tensor.shape.size() - 2];
}

}  // namespace

StoredMatrix StoredMatrix::of(const TensorView& tensor, std::string name) {
  StoredMatrix m;
  m.name_ = std::move(name);
  m.take(tensor);
  return m;
}

// Rows and columns of a tensor that is read as it is.
void StoredMatrix::take(const TensorView& tensor) {
  weight_ = &tensor;
  if (tensor.shape.empty() || tensor.shape.size() > 3)
    throw tensor_error(tensor, name_, "not a matrix", "2 dimensions, or 3 of a stack", shape_text(tensor.shape));
  if (tensor.quantized) return take_joined(*tensor.quantized);
  if (!is_float(tensor.dtype) && !is_block(tensor.dtype))
    throw tensor_error(tensor, name_, "weights of this dtype cannot be read",
                       "F32, F16, BF16, F64, F8_E4M3, F8_E5M2 or a known quantization",
                       std::string(info(tensor.dtype).name));
  slices_ = slice_count(tensor);
  rows_ = row_count(tensor);
  cols_ = tensor.shape.back();
  if (is_block(tensor.dtype)) {
    const std::optional<BlockCodes> codes = block_codes(tensor.dtype);
    layout_ = codes ? Layout::Blocks : Layout::Decoded;
    if (codes) {
      bits_ = codes->bits;
      group_size_ = block_group_size;
      scale_dtype_ = codes->scale_dtype;
    }
    if (cols_ % unit_size() != 0)
      throw tensor_error(tensor, name_, "rows do not consist of whole blocks",
                         "a multiple of " + std::to_string(unit_size()) + " inputs", std::to_string(cols_));
  }
  const int64_t heads = tensor.interleaved_heads;
  if (heads > 0 && rows_ % (2 * heads) != 0)
    throw tensor_error(tensor, name_, "rows do not consist of whole heads",
                       "a multiple of " + std::to_string(2 * heads), std::to_string(rows_));
}

void StoredMatrix::take_joined(const QuantizedTensor& tensor) {
  slices_ = slice_count(*weight_);
  rows_ = row_count(*weight_);
  cols_ = tensor.cols();
  layout_ = tensor.bits > 0 ? Layout::Joined : Layout::Decoded;
  bits_ = tensor.bits;
  group_size_ = tensor.group_size;
  scale_dtype_ = tensor.scale_dtype;
}

StoredMatrix StoredMatrix::slice(int64_t i) const {
  StoredMatrix m = *this;
  m.name_ += "[" + std::to_string(i) + "]";
  m.slices_ = 1;
  m.rows_ = rows_ / slices_;
  m.first_row_ = first_row_ + i * m.rows_;
  return m;
}

StoredMatrix StoredMatrix::find(const Checkpoint& checkpoint, const std::string& name) {
  using Kind = LayerQuantization::Kind;
  constexpr std::string_view suffix = ".weight";
  // A stack of experts has no ".weight" in the published folder; MLX's groups always do.
  if (!name.ends_with(suffix) && checkpoint.find(name) == nullptr && checkpoint.find(name + std::string(suffix)))
    return find(checkpoint, name + std::string(suffix));
  StoredMatrix m;
  m.name_ = name;
  const TensorView& weight = checkpoint.at(name);
  if (!name.ends_with(suffix) || weight.quantized) {
    m.take(weight);
    return m;
  }
  const std::string layer = name.substr(0, name.size() - suffix.size());
  const bool grouped =
      checkpoint.find(layer + ".scales") || checkpoint.find(layer + ".biases") || weight.dtype == DType::U32;
  const LayerQuantization said = layer_quantization(checkpoint, layer);
  if (!grouped && said.kind != Kind::Required) {
    m.take(weight);
    return m;
  }
  if (!grouped)
    throw tensor_error(weight, name, "config.json says that the weights are quantized",
                       "U32 with " + layer + ".scales and .biases", std::string(info(weight.dtype).name));
  if (said.kind == Kind::None)
    throw Error({.what = "quantized weights without a quantization",
                 .file = checkpoint.config_file().string(),
                 .where = said.key.empty() ? "quantization" : said.key,
                 .expected = "bits and group_size, for " + name + " has scales or is U32",
                 .found = said.key.empty() ? "nothing" : "false"});
  m.weight_ = &weight;
  m.bits_ = said.bits;
  m.group_size_ = said.group_size;
  m.find_groups(checkpoint, layer);
  return m;
}

// Checks that words, scales and biases fit one another, the bits and the group size.
void StoredMatrix::find_groups(const Checkpoint& checkpoint, const std::string& layer) {
  layout_ = Layout::Affine;
  scales_ = &checkpoint.at(layer + ".scales");
  biases_ = &checkpoint.at(layer + ".biases");
  if (weight_->dtype != DType::U32 || (weight_->shape.size() != 2 && weight_->shape.size() != 3))
    throw tensor_error(*weight_, name_, "not the words of quantized weights", "U32 [rows, words]",
                       std::string(info(weight_->dtype).name) + " " + shape_text(weight_->shape));
  scale_dtype_ = scales_->dtype;
  if (scale_dtype_ != DType::F16 && scale_dtype_ != DType::BF16 && scale_dtype_ != DType::F32)
    throw tensor_error(*scales_, layer + ".scales", "unexpected dtype", "F16, BF16 or F32",
                       std::string(info(scale_dtype_).name));
  slices_ = slice_count(*weight_);
  rows_ = row_count(*weight_);
  int64_t word_bits = 0;
  if (__builtin_mul_overflow(weight_->shape.back(), int64_t{32}, &word_bits))
    word_bits = -1;  // only where there are no rows
  if (word_bits < 0 || word_bits % (int64_t{bits_} * group_size_) != 0)
    throw tensor_error(*weight_, name_, "words do not hold whole groups",
                       "a multiple of " + std::to_string(bits_ * group_size_ / 32) + " words for " + describe(),
                       std::to_string(weight_->shape.back()));
  cols_ = word_bits / bits_;
  std::vector<int64_t> groups = weight_->shape;
  groups.back() = cols_ / group_size_;
  for (const auto& [tensor, suffix] : {std::pair(scales_, ".scales"), std::pair(biases_, ".biases")}) {
    if (tensor->shape != groups)
      throw tensor_error(*tensor, layer + suffix, "shape does not fit the weights",
                         shape_text(groups) + " for " + describe(), shape_text(tensor->shape));
    if (tensor->dtype != scale_dtype_)
      throw tensor_error(*tensor, layer + suffix, "dtype is not that of the scales",
                         std::string(info(scale_dtype_).name), std::string(info(tensor->dtype).name));
  }
}

std::string StoredMatrix::describe() const {
  if (weight_->quantized) return weight_->quantized->description;
  if (layout_ != Layout::Affine) return std::string(info(weight_->dtype).name);
  return "affine " + std::to_string(bits_) + "-bit, groups of " + std::to_string(group_size_);
}

int64_t StoredMatrix::stored_row(int64_t row) const {
  return first_row_ + foretell::stored_row(row, rows_, weight_->interleaved_heads);
}

int64_t StoredMatrix::row_stride() const {
  if (layout_ == Layout::Affine) return weight_->shape.back() * 4;
  const DTypeInfo& dtype = info(weight_->dtype);
  return cols_ / dtype.block_elements * dtype.block_bytes;
}

const std::byte* StoredMatrix::row_bytes(int64_t row) const {
  return weight_->bytes.data() + stored_row(row) * row_stride();
}

const std::byte* StoredMatrix::row_scales(int64_t row) const {
  return scales_->bytes.data() + stored_row(row) * scales_->shape.back() * info(scale_dtype_).block_bytes;
}

const std::byte* StoredMatrix::row_biases(int64_t row) const {
  return biases_->bytes.data() + stored_row(row) * biases_->shape.back() * info(scale_dtype_).block_bytes;
}

int64_t StoredMatrix::unit_size() const {
  return layout_ == Layout::Affine ? group_size_ : info(weight_->dtype).block_elements;
}

void StoredMatrix::unpack_unit(int64_t row, int64_t unit, uint8_t* codes, AffineScale* groups) const {
  if (layout_ == Layout::Blocks)
    return unpack_block(row_bytes(row) + unit * info(weight_->dtype).block_bytes, weight_->dtype, codes, groups);
  unpack_bits(row_bytes(row) + unit * group_size_ * bits_ / 8, bits_, group_size_, codes);
  convert(scale_dtype_, row_scales(row), unit, unit + 1, &groups->scale);
  convert(scale_dtype_, row_biases(row), unit, unit + 1, &groups->bias);
}

void StoredMatrix::read(int64_t row, int64_t begin, int64_t end, float* out) const {
  const auto& updates = weight_->updates;
  const bool by_whole_rows =
      std::any_of(updates.begin(), updates.end(), [](const auto& update) { return !update->magnitudes.empty(); });
  if (!by_whole_rows || (begin == 0 && end == cols_)) {
    read_stored(row, begin, end, out);
    for (const auto& update : updates) update->apply(first_row_ + row, begin, end, out);
    return;
  }
  std::vector<float> whole(static_cast<size_t>(cols_));
  read(row, 0, cols_, whole.data());
  std::copy(whole.begin() + begin, whole.begin() + end, out);
}

void StoredMatrix::read_stored(int64_t row, int64_t begin, int64_t end, float* out) const {
  if (weight_->quantized) return weight_->quantized->read(first_row_ + row, begin, end, out);
  if (layout_ == Layout::Float) return convert(*weight_, row_bytes(row), begin, end, out);
  const int64_t size = unit_size();
  if (layout_ == Layout::Decoded) {
    const std::byte* block = row_bytes(row) + begin / size * info(weight_->dtype).block_bytes;
    for (int64_t i = begin; i < end; i += size, out += size, block += info(weight_->dtype).block_bytes)
      decode_block(block, weight_->dtype, out);
    return;
  }
  // Only scales in F32 of MLX's groups, and those of Q8_K, have more than 16 bits.
  const bool short_scale = scale_dtype_ != DType::F32 || (layout_ == Layout::Blocks && weight_->dtype != DType::Q8_K);
  uint8_t codes[max_unit];
  AffineScale groups[max_unit_groups];
  for (int64_t unit = begin / size; unit < end / size; unit++) {
    unpack_unit(row, unit, codes, groups);
    for (int64_t g = 0; g < size / group_size_; g++, out += group_size_)
      scale_codes(codes + g * group_size_, group_size_, groups[g], short_scale, out);
  }
}

void StoredMatrix::read_groups(int64_t row, uint8_t* codes, float* scales, float* biases) const {
  if (weight_->quantized) return weight_->quantized->read_groups(first_row_ + row, codes, scales, biases);
  const int64_t size = unit_size();
  AffineScale groups[max_unit_groups];
  for (int64_t unit = 0; unit < cols_ / size; unit++, codes += size) {
    unpack_unit(row, unit, codes, groups);
    for (int64_t g = 0; g < size / group_size_; g++) {
      *scales++ = groups[g].scale;
      *biases++ = groups[g].bias;
    }
  }
}

std::span<const std::byte> StoredMatrix::bytes_of_rows(const TensorView& tensor, int64_t first, int64_t count) const {
  const int64_t stored = row_count(tensor);
  if (stored == 0) return tensor.bytes;
  const size_t row = tensor.bytes.size() / static_cast<size_t>(stored);
  // Within the tensor in any case: pages beyond it are somebody else's, and letting go of those destroys them.
  const size_t begin = std::min(static_cast<size_t>(first_row_ + first) * row, tensor.bytes.size());
  return tensor.bytes.subspan(begin, std::min(static_cast<size_t>(count) * row, tensor.bytes.size() - begin));
}

std::vector<std::span<const std::byte>> StoredMatrix::file_bytes(int64_t first, int64_t count) const {
  std::vector<std::span<const std::byte>> bytes;
  if (weight_->quantized) {
    if (first_row_ + first + count != row_count(*weight_)) return {};
    for (const TensorView& part : weight_->quantized->parts)
      if (part.mapped) bytes.push_back(part.bytes);
    return bytes;
  }
  for (const TensorView* tensor : {weight_, scales_, biases_})
    if (tensor != nullptr && tensor->mapped) bytes.push_back(bytes_of_rows(*tensor, first, count));
  return bytes;
}

void read_floats(const TensorView& tensor, int64_t begin, int64_t end, float* out) {
  if (!is_float(tensor.dtype))
    throw tensor_error(tensor, {}, "not a tensor of floats", "F32, F16, BF16, F64, F8_E4M3 or F8_E5M2",
                       std::string(info(tensor.dtype).name));
  if (tensor.interleaved_heads == 0) return convert(tensor, tensor.bytes.data(), begin, end, out);
  for (int64_t i = begin; i < end; i++) {
    const int64_t stored = stored_row(i, tensor.elements(), tensor.interleaved_heads);
    convert(tensor, tensor.bytes.data(), stored, stored + 1, out++);
  }
}

}  // namespace foretell
