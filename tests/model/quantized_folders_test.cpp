// Whole models in formats of quantized folders against transformers' logits (tests/golden/folders/make_models.py and
// make_stacks.py).
#include <catch2/catch.hpp>
#include <cmath>

#include "arch/open_model.h"
#include "base/json.h"
#include "checkpoint/stored_matrix.h"
#include "foretell/model.h"
#include "model/convert.h"
#include "temp_folder.h"

using namespace foretell;
namespace fs = std::filesystem;

namespace {

const fs::path golden = FORETELL_SOURCE_DIR "/tests/golden/folders/models";

// Of the last logits and the reference's, at most; and the root of the reference's mean square.
struct Difference {
  double largest = 0, scale = 0;
};

Difference compare(const fs::path& folder, const std::string& format, const LoadOptions& options) {
  const Json expected = read_json_file(golden / format / "logits.json");
  const auto reference = expected.at("logits_last").get<std::vector<double>>();
  const auto ids = expected.at("ids").get<std::vector<TokenId>>();
  Model model = Model::load(folder, options);
  Sequence sequence(model);
  const auto logits = model.next_logits(sequence, ids);
  REQUIRE(logits.size() == reference.size());
  Difference found;
  for (size_t i = 0; i < reference.size(); i++) {
    found.largest = std::max(found.largest, std::abs(double{logits[i]} - reference[i]));
    found.scale += reference[i] * reference[i] / static_cast<double>(reference.size());
  }
  found.scale = std::sqrt(found.scale);
  return found;
}

// `smooth`: rounded weights change the answer little, which is not so where a router takes the best expert alone.
void check_format(const std::string& format, bool smooth = true) {
  CAPTURE(format);
  const Difference exact = compare(golden / format, format, {.precision = Precision::Exact, .threads = 2});
  CHECK(exact.largest < 1e-4 * exact.scale);
  const Difference fast = compare(golden / format, format, {.threads = 2});
  CHECK(fast.largest < 0.1 * fast.scale);  // inputs, and what is no group, in 8 bits
  const TempFolder temp;
  convert(open_model(golden / format), temp.path() / "out");
  const Difference converted = compare(temp.path() / "out", format, {.precision = Precision::Exact, .threads = 2});
  CHECK(converted.largest < 1e-4 * converted.scale);
  if (!smooth) return;
  convert(open_model(golden / format), temp.path() / "rounded", {.quantize_bits = 8, .group_size = 32});
  const Difference rounded = compare(temp.path() / "rounded", format, {.precision = Precision::Exact, .threads = 2});
  CHECK(rounded.largest < 0.05 * rounded.scale);
}

}  // namespace

TEST_CASE("a Llama quantized by GPTQ: groups as they are, and layers in the order of activations") {
  check_format("gptq");
  const Checkpoint checkpoint = open_model(golden / "gptq");
  const std::string layer = "model.layers.0.";
  CHECK(StoredMatrix::find(checkpoint, layer + "self_attn.o_proj.weight").grouped());
  CHECK_FALSE(StoredMatrix::find(checkpoint, layer + "self_attn.q_proj.weight").grouped());
  const TempFolder temp;
  CHECK(convert(checkpoint, temp.path() / "out").decoded.size() == 5);
}

TEST_CASE("a Llama quantized by AWQ") { check_format("awq"); }

TEST_CASE("a Llama in FP8 with scales of blocks") { check_format("fp8"); }

TEST_CASE("Llama 4 with stacks of experts in FP8, inputs first: a scale for each output") {
  check_format("fp8_rows", false);
}
TEST_CASE("Llama 4 with stacks of experts in FP8, inputs first: scales of blocks") {
  check_format("fp8_stack_blocks", false);
}

TEST_CASE("a Llama of compressed-tensors in 4 bits") { check_format("compressed_tensors"); }

TEST_CASE("a Llama in NF4 of bitsandbytes, doubly quantized") { check_format("nf4"); }
TEST_CASE("gpt-oss with experts in MXFP4") { check_format("mxfp4"); }
