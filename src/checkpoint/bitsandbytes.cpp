// bitsandbytes' folders:
//   4 bits  X.weight: bytes of two codes, the high half first, of the matrix as one line of numbers; X.weight.quant_map
//           [16] their values; X.weight.absmax a factor for each block of that line; X.weight.quant_state.
//           bitsandbytes__nf4 (or fp4) a JSON text with shape and blocksize. Doubly quantized: absmax holds codes of
//           X.weight.nested_quant_map [256] with X.weight.nested_absmax a factor for each block of them, and a
//           nested_offset that is added (Dettmers et al., QLoRA, arXiv:2305.14314).
//   8 bits  X.weight I8 [rows, cols]; X.SCB [rows] the largest magnitude of each row, which is code 127 (Dettmers et
//           al., LLM.int8(), arXiv:2208.07339); X.weight_format 0, which is by rows.
#include <algorithm>

#include "checkpoint/quantized_formats.h"
#include "checkpoint/quantized_tensor.h"

namespace foretell {
namespace {

constexpr const char* weight_suffix = ".weight";
constexpr const char* absmax_suffix = ".weight.absmax";
constexpr const char* map_suffix = ".weight.quant_map";
constexpr const char* nested_absmax_suffix = ".weight.nested_absmax";
constexpr const char* nested_map_suffix = ".weight.nested_quant_map";
constexpr const char* state_suffixes[] = {".weight.quant_state.bitsandbytes__nf4",
                                          ".weight.quant_state.bitsandbytes__fp4"};

struct State {
  std::vector<int64_t> shape;  // [rows, cols]
  int64_t block_size = 0, nested_block_size = 0;
  float nested_offset = 0;
};

class FourBitTensor final : public QuantizedTensor {
 public:
  FourBitTensor(const LayerParts& parts, const State& state, const char* kind)
      : codes_(*parts.find(weight_suffix)),
        absmax_(*parts.find(absmax_suffix)),
        state_(state),
        values_(all_floats(*parts.find(map_suffix))) {
    shape = state.shape;
    description = "bitsandbytes " + std::string(kind) + ", blocks of " + std::to_string(state.block_size);
    if (absmax_.dtype != DType::U8) return;
    description += ", scales in 8 bits";
    nested_values_ = all_floats(*parts.find(nested_map_suffix));
    nested_factors_ = all_floats(*parts.find(nested_absmax_suffix));
  }

  void read(int64_t row, int64_t begin, int64_t end, float* out) const override {
    float scale = 0;
    for (int64_t i = row * cols() + begin, last = row * cols() + end, first = i; i < last; i++) {
      if (i == first || i % state_.block_size == 0) scale = factor(i / state_.block_size);
      const auto both = static_cast<size_t>(codes_.bytes[static_cast<size_t>(i / 2)]);
      *out++ = values_[i % 2 == 0 ? both >> 4 : both & 15] * scale;
    }
  }

 private:
  static std::vector<float> all_floats(const TensorView& tensor) {
    std::vector<float> values;
    for (int64_t i = 0; i < tensor.elements(); i++) values.push_back(float_at(tensor, i));
    return values;
  }
  float factor(int64_t i) const {
    if (absmax_.dtype != DType::U8) return float_at(absmax_, i);
    const auto code = static_cast<size_t>(absmax_.bytes[static_cast<size_t>(i)]);
    return nested_values_[code] * nested_factors_[static_cast<size_t>(i / state_.nested_block_size)] +
           state_.nested_offset;
  }

  TensorView codes_, absmax_;
  State state_;
  std::vector<float> values_, nested_values_, nested_factors_;
};

class EightBitTensor final : public IntegerTensor {
 public:
  explicit EightBitTensor(const LayerParts& parts) : codes_(*parts.find(weight_suffix)), largest_(*parts.find(".SCB")) {
    shape = codes_.shape;
    set_groups(8, cols(), true, DType::F32);
    description = "bitsandbytes 8-bit, one scale a row";
  }

 protected:
  void unpack(int64_t row, int64_t b, uint8_t* codes) const override {
    const std::byte* bytes = codes_.bytes.data() + row * cols() + b * block;
    for (int64_t i = 0; i < std::min(block, cols() - b * block); i++)
      codes[i] = static_cast<uint8_t>(bytes[i] ^ std::byte{128});
  }
  Group group(int64_t row, int64_t) const override { return {float_at(largest_, row) / 127, 128}; }

 private:
  TensorView codes_, largest_;
};

// A positive number of the state's JSON.
int64_t size_in(const LayerParts& parts, const char* suffix, const Json& state, const char* key) {
  const auto it = state.find(key);
  const bool fits = it != state.end() && it->is_number_integer() && *it >= 1 && *it <= int64_t{1} << 40;
  if (!fits)
    throw parts.error(suffix, "not a quantization's state", std::string(key) + ": a positive number",
                      it == state.end() ? "nothing" : it->dump());
  return it->get<int64_t>();
}

State read_state(const LayerParts& parts, const char* suffix) {
  const TensorView& stored = parts.need(suffix, {DType::U8}, 1);
  const Json json = parse_json({reinterpret_cast<const char*>(stored.bytes.data()), stored.bytes.size()}, stored.file);
  const auto bad = [&](const char* expected) {
    return parts.error(suffix, "not a quantization's state", expected, json.dump());
  };
  if (!json.is_object()) throw bad("an object");
  const Json shape = json.value("shape", Json());
  if (!shape.is_array() || shape.size() != 2) throw bad("shape: [ROWS, INPUTS]");
  State state;
  state.shape = {size_in(parts, suffix, {{"rows", shape[0]}}, "rows"),
                 size_in(parts, suffix, {{"inputs", shape[1]}}, "inputs")};
  state.block_size = size_in(parts, suffix, json, "blocksize");
  if (parts.find(absmax_suffix) == nullptr || parts.find(absmax_suffix)->dtype != DType::U8) return state;
  state.nested_block_size = size_in(parts, suffix, json, "nested_blocksize");
  const Json offset = json.value("nested_offset", Json());
  if (!offset.is_number()) throw bad("nested_offset: a number");
  state.nested_offset = offset.get<float>();
  return state;
}

// Throws Error unless the tensor holds `count` elements.
void check_count(const LayerParts& parts, const char* suffix, int64_t count) {
  const TensorView& tensor = *parts.find(suffix);
  if (tensor.elements() != count)
    throw parts.error(suffix, "size does not fit the layer's other tensors", std::to_string(count) + " elements",
                      shape_text(tensor.shape));
}

void join_four_bits(LayerParts& parts, const char* state_suffix, const char* kind) {
  const TensorView& codes =
      parts.need(weight_suffix, {DType::U8, DType::I8, DType::F16, DType::BF16, DType::F32, DType::I32}, -1);
  const TensorView& absmax = parts.need(absmax_suffix, {DType::F32, DType::U8}, 1);
  parts.need(map_suffix, {DType::F32}, 1);
  check_count(parts, map_suffix, 16);
  const State state = read_state(parts, state_suffix);
  int64_t count = 0;
  const auto stored = static_cast<int64_t>(codes.bytes.size());
  // Codes are kept in words of whatever type, so that there may be some bytes over.
  if (__builtin_mul_overflow(state.shape[0], state.shape[1], &count) || count / 2 + count % 2 > stored ||
      stored - (count / 2 + count % 2) >= info(codes.dtype).block_bytes)
    throw parts.error(weight_suffix, "codes do not fit the shape", "4 bits for each of " + shape_text(state.shape),
                      std::to_string(stored) + " bytes");
  const auto blocks = [](int64_t n, int64_t size) { return n / size + (n % size != 0 ? 1 : 0); };
  check_count(parts, absmax_suffix, blocks(count, state.block_size));
  if (absmax.dtype == DType::U8) {
    parts.need(nested_map_suffix, {DType::F32}, 1);
    check_count(parts, nested_map_suffix, 256);
    parts.need(nested_absmax_suffix, {DType::F32}, 1);
    check_count(parts, nested_absmax_suffix, blocks(absmax.elements(), state.nested_block_size));
  }
  parts.replace(weight_suffix, std::make_shared<FourBitTensor>(parts, state, kind),
                {weight_suffix, absmax_suffix, map_suffix, nested_absmax_suffix, nested_map_suffix, state_suffix});
}

void join_eight_bits(LayerParts& parts) {
  const TensorView& codes = parts.need(weight_suffix, {DType::I8}, 2);
  parts.need(".SCB", {DType::F32}, 1);
  parts.check_shape(".SCB", {codes.shape[0]});
  if (const TensorView* format = parts.find(".weight_format");
      format != nullptr &&
      !std::all_of(format->bytes.begin(), format->bytes.end(), [](std::byte b) { return b == std::byte{0}; }))
    throw parts.error(".weight_format", "an order of the weights that is not known", "0, by rows",
                      "another for a certain GPU");
  parts.replace(weight_suffix, std::make_shared<EightBitTensor>(parts), {weight_suffix, ".SCB", ".weight_format"});
}

}  // namespace

void join_bitsandbytes(Checkpoint& checkpoint) {
  for (const char* suffix : state_suffixes) {
    const char* kind = std::string_view(suffix).ends_with("nf4") ? "NF4" : "FP4";
    for (const std::string& layer : layers_with(checkpoint, suffix)) {
      LayerParts parts(checkpoint, layer);
      join_four_bits(parts, suffix, kind);
    }
  }
  for (const std::string& layer : layers_with(checkpoint, ".SCB")) {
    LayerParts parts(checkpoint, layer);
    join_eight_bits(parts);
  }
  // What is left of a layer is no matrix of floats.
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (!tensor.quantized && name.ends_with(weight_suffix) && (tensor.dtype == DType::U8 || tensor.dtype == DType::I8))
      throw Error({.what = "quantized weights without a quantization",
                   .file = tensor.file.string(),
                   .where = name,
                   .expected = name + ".quant_state.bitsandbytes__nf4 or __fp4, or SCB",
                   .found = "neither"});
}

}  // namespace foretell
