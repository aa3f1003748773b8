// Quantized layers whose tensors, dtypes and shapes do not fit what config.json says.
#include <catch2/catch.hpp>
#include <functional>

#include "checkpoint/stored_matrix.h"
#include "checkpoint/writer.h"
#include "foretell/error.h"
#include "temp_folder.h"

using namespace foretell;

namespace {

struct Tensor {
  DType dtype;
  std::vector<int64_t> shape;
};
using Tensors = std::map<std::string, Tensor>;

// Four rows of 64 inputs, 4 bits in groups of 32.
const Tensors fitting = {
    {"l.weight", {DType::U32, {4, 8}}}, {"l.scales", {DType::F16, {4, 2}}}, {"l.biases", {DType::F16, {4, 2}}}};

Tensors with(Tensors tensors, const std::string& name, Tensor tensor) {
  tensors[name] = std::move(tensor);
  return tensors;
}

Tensors without(Tensors tensors, const std::string& name) {
  tensors.erase(name);
  return tensors;
}

constexpr const char* groups32 = R"({"quantization":{"bits":4,"group_size":32}})";

struct Case {
  std::string label, config;
  Tensors tensors;
  std::string expected;  // the error, or what the matrix says it is
};

std::string outcome(const Case& c) {
  const TempFolder folder;
  folder.write("config.json", c.config);
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, tensor] : c.tensors)
    tensors.push_back({name, tensor.dtype, tensor.shape,
                       [](std::span<std::byte> out) { std::fill(out.begin(), out.end(), std::byte{0}); }});
  write_safetensors(folder.path(), tensors, {});
  try {
    const Checkpoint checkpoint = open_checkpoint(folder.path());
    return StoredMatrix::find(checkpoint, "l.weight").describe();
  } catch (const Error& error) {
    return folder.relative(error.what());
  }
}

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.label);
    CHECK(outcome(c) == c.expected);
  }
}

}  // namespace

TEST_CASE("config.json's quantization: what it may say") {
  const std::string group4 = "affine 4-bit, groups of 32";
  check({
      {"common", groups32, fitting, group4},
      {"the other key", R"({"quantization_config":{"bits":4,"group_size":32,"mode":"affine"}})", fitting, group4},
      {"the first key null", R"({"quantization":null,"quantization_config":{"bits":4,"group_size":32}})", fitting,
       group4},
      {"an override", R"({"quantization":{"bits":8,"group_size":64,"l":{"bits":4,"group_size":32}}})", fitting, group4},
      {"an override that says true", R"({"quantization":{"bits":4,"group_size":32,"l":true}})", fitting, group4},
      {"not quantized",
       R"({"quantization":{"bits":4,"group_size":32,"l":false}})",
       {{"l.weight", {DType::F16, {4, 64}}}},
       "F16"},
      {"without scales", groups32, {{"l.weight", {DType::F32, {4, 64}}}}, "F32"},
      {"another mode", R"({"quantization":{"bits":4,"group_size":32,"mode":"mxfp4"}})", fitting,
       "config.json: unknown quantization mode (where: quantization.mode; expected \"affine\", found \"mxfp4\")"},
      {"another mode of a layer", R"({"quantization":{"l":{"bits":4,"group_size":32,"mode":"nvfp4"}}})", fitting,
       "config.json: unknown quantization mode (where: quantization.l.mode; expected \"affine\", found \"nvfp4\")"},
      {"another method", R"({"quantization_config":{"quant_method":"hqq","bits":4}})", fitting,
       "config.json: unknown quantization method (where: quantization_config.quant_method; expected one of fp8, "
       "fbgemm_fp8, mxfp4, gptq, awq, compressed-tensors, bitsandbytes, or affine groups as MLX writes them (bits, "
       "group_size, no quant_method), found \"hqq\")"},
      {"unknown bits", R"({"quantization":{"bits":7,"group_size":32}})", fitting,
       "config.json: unknown quantization (where: quantization.bits; expected one of 2, 3, 4, 5, 6, 8, found 7)"},
      {"bits as a text", R"({"quantization":{"bits":"4","group_size":32}})", fitting,
       "config.json: unknown quantization (where: quantization.bits; expected one of 2, 3, 4, 5, 6, 8, found \"4\")"},
      {"no bits", R"({"quantization":{"group_size":32}})", fitting,
       "config.json: key is missing (where: quantization.bits; expected one of 2, 3, 4, 5, 6, 8)"},
      {"unknown group size", R"({"quantization":{"bits":4,"group_size":48}})", fitting,
       "config.json: unknown quantization (where: quantization.group_size; expected one of 32, 64, 128, found 48)"},
      {"an override without a group size", R"({"quantization":{"bits":4,"group_size":32,"l":{"bits":4}}})", fitting,
       "config.json: key is missing (where: quantization.l.group_size; expected one of 32, 64, 128)"},
      {"an override that is a number", R"({"quantization":{"bits":4,"group_size":32,"l":4}})", fitting,
       "config.json: unexpected value (where: quantization.l; expected an object, true or false, found 4)"},
      {"no object", R"({"quantization":4})", fitting,
       "config.json: unexpected value (where: quantization; expected an object, found 4)"},
  });
}

TEST_CASE("quantized tensors that contradict config.json or one another") {
  check({
      {"config says nothing", "{}", fitting,
       "config.json: quantized weights without a quantization (where: quantization; expected bits and group_size, for "
       "l.weight has scales or is U32, found nothing)"},
      {"config says no", R"({"quantization":{"bits":4,"group_size":32,"l":false}})", fitting,
       "config.json: quantized weights without a quantization (where: quantization.l; expected bits and group_size, "
       "for "
       "l.weight has scales or is U32, found false)"},
      {"config says yes",
       R"({"quantization":{"l":{"bits":4,"group_size":32}}})",
       {{"l.weight", {DType::BF16, {4, 64}}}},
       "model.safetensors: config.json says that the weights are quantized (where: l.weight; expected U32 with "
       "l.scales "
       "and .biases, found BF16)"},
      {"no scales", groups32, without(fitting, "l.scales"), ": tensor is missing (where: l.scales)"},
      {"no biases", groups32, without(fitting, "l.biases"), ": tensor is missing (where: l.biases)"},
      {"no weights", groups32, without(fitting, "l.weight"), ": tensor is missing (where: l.weight)"},
      {"8 bits said, 4 stored", R"({"quantization":{"bits":8,"group_size":32}})", fitting,
       "model.safetensors: shape does not fit the weights (where: l.scales; expected [4, 1] for affine 8-bit, groups "
       "of "
       "32, found [4, 2])"},
      {"3 bits said, 4 stored", R"({"quantization":{"bits":3,"group_size":32}})", fitting,
       "model.safetensors: words do not hold whole groups (where: l.weight; expected a multiple of 3 words for affine "
       "3-bit, groups of 32, found 8)"},
      {"groups of 128 said, one half of it there", R"({"quantization":{"bits":4,"group_size":128}})", fitting,
       "model.safetensors: words do not hold whole groups (where: l.weight; expected a multiple of 16 words for affine "
       "4-bit, groups of 128, found 8)"},
      {"groups of 64 said, 32 stored", R"({"quantization":{"bits":4,"group_size":64}})", fitting,
       "model.safetensors: shape does not fit the weights (where: l.scales; expected [4, 1] for affine 4-bit, groups "
       "of "
       "64, found [4, 2])"},
      {"scales of too few rows", groups32, with(fitting, "l.scales", {DType::F16, {2, 2}}),
       "model.safetensors: shape does not fit the weights (where: l.scales; expected [4, 2] for affine 4-bit, groups "
       "of "
       "32, found [2, 2])"},
      {"biases in one dimension", groups32, with(fitting, "l.biases", {DType::F16, {8}}),
       "model.safetensors: shape does not fit the weights (where: l.biases; expected [4, 2] for affine 4-bit, groups "
       "of "
       "32, found [8])"},
      {"biases of another dtype", groups32, with(fitting, "l.biases", {DType::BF16, {4, 2}}),
       "model.safetensors: dtype is not that of the scales (where: l.biases; expected F16, found BF16)"},
      {"scales of whole numbers", groups32, with(fitting, "l.scales", {DType::U8, {4, 2}}),
       "model.safetensors: unexpected dtype (where: l.scales; expected F16, BF16 or F32, found U8)"},
      {"float words", groups32, with(fitting, "l.weight", {DType::F32, {4, 8}}),
       "model.safetensors: not the words of quantized weights (where: l.weight; expected U32 [rows, words], found F32 "
       "[4, "
       "8])"},
      {"words in one dimension", groups32, with(fitting, "l.weight", {DType::U32, {32}}),
       "model.safetensors: not the words of quantized weights (where: l.weight; expected U32 [rows, words], found U32 "
       "[32])"},
      {"weights of a dtype that cannot be read",
       "{}",
       {{"l.weight", {DType::F8E4M3FNUZ, {4, 8}}}},
       "model.safetensors: weights of this dtype cannot be read (where: l.weight; expected F32, F16, BF16, F64, "
       "F8_E4M3, "
       "F8_E5M2 or a known quantization, found F8_E4M3FNUZ)"},
      {"four dimensions",
       "{}",
       {{"l.weight", {DType::F16, {2, 2, 2, 4}}}},
       "model.safetensors: not a matrix (where: l.weight; expected 2 dimensions, or 3 of a stack, found [2, 2, 2, "
       "4])"},
  });
}
