// Folders of floats: what every format holds as float32, float16 or bfloat16.
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "arch/open_model.h"
#include "base/float16.h"
#include "base/mapped_file.h"
#include "checkpoint/stored_matrix.h"
#include "error_of.h"
#include "foretell/error.h"
#include "foretell/model.h"
#include "model/convert.h"
#include "temp_folder.h"

using namespace foretell;
namespace fs = std::filesystem;

namespace {

const fs::path golden = FORETELL_SOURCE_DIR "/tests/golden";

std::vector<fs::path> folders_in(const char* folder) {
  std::vector<fs::path> models;
  for (const auto& entry : fs::directory_iterator(golden / folder)) models.push_back(entry.path());
  return models;
}

// GGUF files of whole models.
std::vector<fs::path> gguf_files() {
  std::vector<fs::path> models;
  for (const char* folder : {"gguf/families", "gguf"})
    for (const fs::path& file : folders_in(folder)) {
      const fs::path expected = fs::path(file).replace_extension(".json");
      if (file.extension() == ".gguf" && fs::exists(expected) && read_json_file(expected).contains("logits_last"))
        models.push_back(file);
    }
  return models;
}

std::vector<float> logits(const fs::path& path) {
  Model model = Model::load(path, {.precision = Precision::Exact, .threads = 1});
  Sequence sequence(model);
  const std::vector<TokenId> ids = {5, 17, 3, 50, 39, 4, 18, 33, 11, 7};
  const auto found = model.next_logits(sequence, ids);
  return {found.begin(), found.end()};
}

const std::vector<std::pair<DType, std::string>> types = {
    {DType::F32, "float32"}, {DType::F16, "float16"}, {DType::BF16, "bfloat16"}};

// A value in `digits` significant bits, ties to even, by another way than the program's.
float rounded(float value, int digits, int least_exponent) {
  int exponent = 0;
  std::frexp(value, &exponent);
  const int last = std::max(exponent - digits, least_exponent);
  return static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(double{value}, -last)), last));
}

// The folder holds floats only, and they are what the source holds.
void check_float32(const fs::path& path) {
  INFO(path);
  const TempFolder temp;
  convert(open_model(path), temp.path() / "out", {.dtype = DType::F32, .threads = 1});
  const Checkpoint out = open_model(temp.path() / "out");
  CHECK_FALSE(out.config.contains("quantization"));
  CHECK_FALSE(out.config.contains("quantization_config"));
  for (const auto& [name, view] : out.tensors) {
    INFO(name);
    CHECK((view.dtype == DType::F32 || !is_float(view.dtype)));
    CHECK_FALSE(view.quantized);
    CHECK(view.dtype != DType::U32);
  }
  CHECK(logits(temp.path() / "out") == logits(path));
}

}  // namespace

TEST_CASE("convert to float32: the logits of every architecture's folder stay as they are") {
  for (const fs::path& path : folders_in("arch")) check_float32(path);
}

TEST_CASE("convert to float32: the logits of quantized folders and GGUF files stay as they are") {
  for (const fs::path& path : folders_in("folders/models")) check_float32(path);
  for (const fs::path& path : gguf_files()) check_float32(path);
}

TEST_CASE("convert to 16 bits: every number is rounded to nearest, ties to even") {
  for (const char* model :
       {"arch/llama", "arch/gpt2", "arch/gpt_oss", "gguf/gemma.gguf", "gguf/mixed.gguf", "folders/models/gptq"}) {
    for (const auto& [dtype, type_name] : types) {
      INFO(model << " " << type_name);
      const TempFolder temp;
      convert(open_model(golden / model), temp.path() / "f32", {.dtype = DType::F32, .threads = 1});
      convert(open_model(golden / model), temp.path() / "out",
              {.dtype = dtype, .max_shard_bytes = 100'000, .threads = 2});
      const Checkpoint before = open_model(temp.path() / "f32"), after = open_model(temp.path() / "out");
      REQUIRE(before.tensors.size() == after.tensors.size());
      int64_t compared = 0;
      for (const auto& [name, view] : before.tensors) {
        INFO(name);
        const TensorView& other = after.at(name);
        CHECK(other.shape == view.shape);
        if (!is_float(view.dtype)) continue;
        REQUIRE(other.dtype == dtype);
        std::vector<float> a(static_cast<size_t>(view.elements())), b(a);
        read_floats(view, 0, view.elements(), a.data());
        read_floats(other, 0, view.elements(), b.data());
        for (float& x : a)
          x = dtype == DType::F32 ? x : dtype == DType::F16 ? rounded(x, 11, -24) : rounded(x, 8, -133);
        CHECK(a == b);
        compared += view.elements();
      }
      CHECK(compared > 1000);
      const Json& config = after.config;
      CHECK(config.value("dtype", config.value("torch_dtype", "")) == type_name);
    }
  }
}

TEST_CASE("convert to floats: config.json names the type wherever it did, and no other key changes") {
  const TempFolder temp;
  const Checkpoint source = open_model(golden / "arch/llama");
  convert(source, temp.path() / "out", {.dtype = DType::BF16, .threads = 1});
  Json config = open_model(temp.path() / "out").config, before = source.config;
  for (Json* c : {&config, &before})
    for (const char* key : {"dtype", "torch_dtype"}) c->erase(key);
  CHECK(config == before);
  CHECK(read_text_file(temp.path() / "out/tokenizer.json") == read_text_file(golden / "arch/llama/tokenizer.json"));
}

TEST_CASE("convert: a number that float16 cannot hold is an error that names it") {
  using Catch::Contains;
  const TempFolder temp;
  std::string bytes = read_text_file(golden / "arch/llama/model.safetensors");
  const Checkpoint source = open_model(golden / "arch/llama");
  const TensorView& norm = source.at("model.norm.weight");
  const std::string stored(reinterpret_cast<const char*>(norm.bytes.data()), norm.bytes.size());
  const size_t at = bytes.find(stored);
  REQUIRE(at != std::string::npos);
  const int size = info(norm.dtype).block_bytes;
  for (int i = 0; i < 2; i++)  // 2^17 in bfloat16, or in float32
    bytes[at + static_cast<size_t>(size - 2 + i)] = i == 0 ? 0x00 : 0x48;
  REQUIRE((norm.dtype == DType::F32 || norm.dtype == DType::BF16));
  temp.write("model/model.safetensors", bytes);
  fs::copy_file(golden / "arch/llama/config.json", temp.path() / "model/config.json");
  const std::string error =
      test::error_of([&] { convert(open_model(temp.path() / "model"), temp.path() / "out", {.dtype = DType::F16}); });
  CHECK_THAT(error, Contains("too large for F16") && Contains("model.norm.weight") && Contains("65504"));
  CHECK_FALSE(fs::exists(temp.path() / "out"));
  convert(open_model(temp.path() / "model"), temp.path() / "out", {.dtype = DType::BF16});
  convert(open_model(temp.path() / "model"), temp.path() / "f32", {.dtype = DType::F32});
}

TEST_CASE("convert: groups of more bits are rounded again, those of no more are kept") {
  const TempFolder temp;
  const Checkpoint file = open_model(golden / "gguf/llama.gguf");  // 4-bit matrices, an 8-bit embedding
  convert(file, temp.path() / "four", {.quantize_bits = 4, .group_size = 32});
  const Checkpoint four = open_model(temp.path() / "four");
  const auto describe = [](const Checkpoint& c, const std::string& name) {
    return StoredMatrix::find(c, name + ".weight").describe();
  };
  CHECK(describe(four, "model.embed_tokens") == "affine 4-bit, groups of 32");
  const std::string query = "model.layers.0.self_attn.q_proj";
  const TensorView &codes = four.at(query + ".weight"), &scales = four.at(query + ".scales");
  convert(open_model(temp.path() / "four"), temp.path() / "again", {.quantize_bits = 4, .group_size = 32});
  const Checkpoint again = open_model(temp.path() / "again");
  const auto same = [](const TensorView& a, const TensorView& b) {
    return std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end());
  };
  CHECK(same(again.at(query + ".weight"), codes));
  CHECK(same(again.at(query + ".scales"), scales));
  convert(open_model(temp.path() / "four"), temp.path() / "three", {.quantize_bits = 3, .group_size = 32});
  const Checkpoint three = open_model(temp.path() / "three");
  CHECK(describe(three, query) == "affine 3-bit, groups of 32");
  CHECK(three.config.at("quantization").at("bits") == 3);
  // Rounded to floats and back, the groups are found again.
  convert(open_model(temp.path() / "four"), temp.path() / "f32", {.dtype = DType::F32});
  convert(open_model(temp.path() / "f32"), temp.path() / "back", {.quantize_bits = 4, .group_size = 32});
  CHECK(logits(temp.path() / "back").size() == logits(temp.path() / "four").size());
}

TEST_CASE("convert: stacks of experts are rounded too, slice by slice") {
  for (const char* family : {"gpt_oss", "llama4", "granitemoe"}) {
    INFO(family);
    const TempFolder temp;
    const fs::path source = golden / "arch" / family;
    const ConvertReport report =
        convert(open_model(source), temp.path() / "out", {.quantize_bits = 8, .group_size = 32});
    const Checkpoint out = open_model(temp.path() / "out");
    bool stack = false;
    for (const auto& [name, view] : out.tensors) stack = stack || (view.dtype == DType::U32 && view.shape.size() == 3);
    CHECK(stack);
    for (const std::string& name : report.left_as_floats) {
      INFO(name);
      const Checkpoint checkpoint = open_model(source);
      const std::vector<int64_t>& shape = checkpoint.at(name).shape;
      CHECK((shape.back() % 32 != 0 || shape[shape.size() - 2] % 32 != 0));
    }
    const std::vector<float> before = logits(source), after = logits(temp.path() / "out");
    double error = 0, scale = 0;
    for (size_t i = 0; i < before.size(); i++) {
      error += std::pow(before[i] - after[i], 2);
      scale += std::pow(before[i], 2);
    }
    CHECK(std::sqrt(error / scale) < 0.15);  // a router may choose another expert
    CHECK(error > 0);
  }
}
