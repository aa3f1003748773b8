// How far two models' weights are from each other, in whatever format.
#include "model/weight_distance.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "arch/open_model.h"
#include "checkpoint/stored_matrix.h"
#include "error_of.h"
#include "model/float_rows.h"

using namespace foretell;
namespace fs = std::filesystem;

namespace {

const fs::path golden = fs::path(FORETELL_SOURCE_DIR) / "tests/golden";

struct Opened {
  explicit Opened(const fs::path& path)
      : checkpoint(open_model(path)),
        family(find_family(ConfigReader(checkpoint.config, checkpoint.config_file()))),
        spec(family.describe(ConfigReader(checkpoint.config, checkpoint.config_file()))) {}
  Checkpoint checkpoint;
  const Family& family;
  ModelSpec spec;
};

WeightComparison compare(const Opened& a, const Opened& b) {
  ThreadPool pool(2);
  return compare_weights({a.family, a.spec, a.checkpoint}, {b.family, b.spec, b.checkpoint}, pool);
}

}  // namespace

TEST_CASE("only pages of the rows that were read are let go of") {
  const Opened model(golden / "arch/gpt2");
  const TensorView& view = model.checkpoint.at("transformer.h.0.mlp.c_fc.weight");  // [inputs, outputs], few by many
  const FloatRows turned(StoredMatrix::of(view, "c_fc.weight"), true);
  const FloatRows plain(StoredMatrix::of(view, "c_fc.weight"), false);
  REQUIRE(turned.rows() > plain.rows());
  CHECK(turned.file_bytes(turned.rows() - 1, 1).empty());
  for (const int64_t first : {int64_t{0}, plain.rows() - 1}) {
    const auto parts = plain.file_bytes(first, 1);
    REQUIRE(parts.size() == 1);
    CHECK(parts[0].data() == view.bytes.data() + first * static_cast<int64_t>(parts[0].size()));
  }
  for (const auto& part : plain.file_bytes(turned.rows() - 1, 1)) CHECK(part.empty());  // there is no such row
}

TEST_CASE("a model of any family is no distance from itself") {
  for (const auto& entry : fs::directory_iterator(golden / "arch")) {
    INFO(entry.path().string());
    const Opened model(entry.path());
    const WeightComparison comparison = compare(model, model);
    CHECK(comparison.only_a.empty());
    CHECK(comparison.only_b.empty());
    CHECK(comparison.both.size() > 10);
    for (const WeightDistance& d : comparison.both) {
      INFO(d.name);
      CHECK(d.same_shape());
      CHECK(d.relative() == 0);
      if (d.squares > 0) CHECK(d.cosine() == Approx(1));
    }
  }
}

TEST_CASE("distances of a tensor are those of the formulas") {
  const Opened a(golden / "arch/llama");
  Opened b(golden / "arch/llama");
  const std::string name = "model.layers.1.self_attn.o_proj.weight";
  const TensorView& original = a.checkpoint.at(name);
  const auto count = static_cast<size_t>(original.elements());
  std::vector<float> values(count), changed;
  read_floats(original, 0, original.elements(), values.data());
  for (size_t i = 0; i < count; i++) changed.push_back(i == 5 ? values[i] + 0.5f : 2 * values[i]);
  TensorView view = original;
  view.dtype = DType::F32;
  view.bytes = std::as_bytes(std::span(changed));
  b.checkpoint.tensors[name] = view;
  double difference = 0, squares = 0, others = 0, product = 0, largest = 0;
  for (size_t i = 0; i < count; i++) {
    const double x = values[i], y = changed[i];
    difference += (x - y) * (x - y), squares += x * x, others += y * y, product += x * y;
    largest = std::max(largest, std::abs(x - y));
  }
  for (const WeightDistance& d : compare(a, b).both) {
    if (d.name != name) {
      CHECK(d.relative() == 0);
      continue;
    }
    CHECK(d.relative() == Approx(std::sqrt(difference / squares)));
    CHECK(d.cosine() == Approx(product / std::sqrt(squares * others)));
    CHECK(d.largest == Approx(largest));
  }
}

TEST_CASE("models of different shapes and families are compared as far as they go") {
  const Opened llama(golden / "arch/llama"), qwen(golden / "arch/qwen3"), gpt2(golden / "arch/gpt2");
  const WeightComparison other = compare(llama, qwen);
  CHECK(other.only_b.size() > 1);  // norms of queries and keys
  CHECK(other.both.size() > 10);
  const WeightComparison far = compare(gpt2, llama);
  CHECK_FALSE(far.only_a.empty());
  CHECK_FALSE(far.only_b.empty());
}
