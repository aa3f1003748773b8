// Traces against the reference's attention and hidden states (tests/golden/arch), and what must hold of any trace.
#include "foretell/trace.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "base/json.h"
#include "foretell/model.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

std::vector<std::filesystem::path> golden_models() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(golden)) all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

double largest_difference(const Json& expected, const float* found) {
  double largest = 0;
  for (size_t i = 0; i < expected.size(); i++)
    largest = std::max(largest, std::abs(expected[i].get<double>() - found[i]));
  return largest;
}

// [head][query][key]
void check_attention(const Json& expected, const LayerTrace& layer, size_t tokens) {
  REQUIRE(static_cast<size_t>(layer.heads) == expected.size());
  double largest = 0;
  for (size_t h = 0; h < expected.size(); h++)
    for (size_t q = 0; q < tokens; q++)
      largest =
          std::max(largest, largest_difference(expected[h][q], layer.attention.data() + (h * tokens + q) * tokens));
  CHECK(largest < 1e-3);
}

double sum_of(const Attribution& attribution) {
  double sum = 0;
  for (const Contribution& part : attribution.parts) sum += part.logit;
  return sum;
}

}  // namespace

TEST_CASE("trace: attention and hidden states of every golden architecture") {
  size_t layers_seen = 0;
  for (const auto& folder : golden_models()) {
    CAPTURE(folder.filename().string());
    const Json json = read_json_file(folder / "golden.json");
    Tracer tracer = Tracer::load(folder, {.threads = 1});
    for (const Json& expected : json["cases"]) {
      const auto ids = expected["ids"].get<std::vector<TokenId>>();
      const Trace trace = tracer.run(ids);
      CHECK(largest_difference(expected["logits_last"], trace.logits.data()) < 2e-3);
      const Json* hidden = expected.contains("hidden_last") ? &expected["hidden_last"] : nullptr;
      if (hidden == nullptr && json.contains("hidden_last") && &expected == &json["cases"][0])
        hidden = &json["hidden_last"];
      if (hidden != nullptr) {
        REQUIRE(hidden->size() == trace.layers.size() + 1);
        const auto last = (ids.size() - 1) * static_cast<size_t>(trace.hidden);
        CHECK(largest_difference((*hidden)[0], trace.embedded.data() + last) < 1e-3);
        for (size_t l = 0; l + 1 < trace.layers.size(); l++, layers_seen++)
          CHECK(largest_difference((*hidden)[l + 1], trace.layers[l].stream.data() + last) < 1e-3);
      }
      const Json* attention = expected.contains("attention") ? &expected["attention"] : nullptr;
      if (attention == nullptr && json.contains("attention") && &expected == &json["cases"][0])
        attention = &json["attention"];
      if (attention == nullptr) continue;
      // Where some layers have no attention, the reference gives null for them or leaves them out.
      const bool all = attention->size() == trace.layers.size();
      size_t at = 0;
      for (size_t l = 0; l < trace.layers.size(); l++) {
        CAPTURE(l);
        const Json* of_layer = all || trace.layers[l].attends ? &attention->at(at++) : nullptr;
        CHECK(trace.layers[l].attends == (of_layer != nullptr && !of_layer->is_null()));
        if (trace.layers[l].attends) check_attention(*of_layer, trace.layers[l], ids.size());
      }
      CHECK(at == attention->size());
    }
  }
  CHECK(layers_seen > 50);
}

TEST_CASE("trace: what the parts give sums to the logit in every golden architecture") {
  for (const auto& folder : golden_models()) {
    CAPTURE(folder.filename().string());
    const Json json = read_json_file(folder / "golden.json");
    const auto ids = json["cases"][0]["ids"].get<std::vector<TokenId>>();
    Tracer tracer = Tracer::load(folder, {.threads = 1});
    const Trace trace = tracer.run(ids);
    const Attribution one = tracer.attribute(trace, trace.best());
    CHECK(one.total == trace.logits[static_cast<size_t>(trace.best())]);
    CHECK(std::abs(sum_of(one) - one.total) < 1e-3);
    const Attribution two = tracer.attribute(trace, trace.best(), 7);
    CHECK(std::abs(sum_of(two) - two.total) < 1e-3);
    CHECK(two.parts.size() == one.parts.size());
  }
}

TEST_CASE("trace: a read-out of the last layer is the logits, and one token is a text") {
  for (const std::string name : {"llama", "qwen3_next", "lfm2", "gemma4", "opt"}) {
    CAPTURE(name);
    Tracer tracer = Tracer::load(golden / name);
    const std::vector<TokenId> one = {5};
    const Trace trace = tracer.run(one);
    const float* last = trace.layers.back().stream.data();
    tracer.read_out({&last, 1}, [&](size_t, std::span<const float> logits) {
      CHECK(std::equal(logits.begin(), logits.end(), trace.logits.begin()));
    });
    Model model = Model::load(golden / name, {.precision = Precision::Exact});
    Sequence sequence(model);
    const auto logits = model.next_logits(sequence, one);
    for (size_t i = 0; i < logits.size(); i++) CHECK(std::abs(logits[i] - trace.logits[i]) < 1e-4);
  }
}

TEST_CASE("trace: a silenced part adds nothing, and by its mean its mean") {
  Tracer tracer = Tracer::load(golden / "llama", {.threads = 1});
  const std::vector<TokenId> ids = {3, 1, 4, 1, 5, 9, 2, 6};
  const Trace whole = tracer.run(ids);
  const auto norm_of = [](const std::vector<float>& v) {
    double sum = 0;
    for (const float x : v) sum += std::abs(x);
    return sum;
  };
  const Trace mlp = tracer.run(ids, {.ablations = {parse_ablation("L1.MLP")}});
  CHECK(norm_of(mlp.layers[1].mlp_adds) == 0);
  CHECK(norm_of(mlp.layers[1].mixer_adds) > 0);
  CHECK(mlp.layers[0].stream == whole.layers[0].stream);
  CHECK(mlp.logits != whole.logits);
  const Trace layer = tracer.run(ids, {.ablations = {parse_ablation("L1")}});
  CHECK(layer.layers[1].stream == layer.layers[0].stream);
  std::vector<Ablation> heads;
  for (int64_t h = 0; h < tracer.heads(1); h++) heads.push_back({.part = Ablation::Part::Head, .layer = 1, .head = h});
  const Trace all_heads = tracer.run(ids, {.ablations = heads});
  CHECK(norm_of(all_heads.layers[1].mixer_adds) == 0);
  const Trace by_mean = tracer.run(ids, {.ablations = {parse_ablation("l1.mlp")}, .ablate_with_mean = true});
  for (size_t i = 0; i < by_mean.layers[1].mlp_adds.size(); i++)
    CHECK(by_mean.layers[1].mlp_adds[i] == static_cast<float>(whole.layers[1].mlp_mean[i]));
}

TEST_CASE("trace: patching restores all after the last layer at the last token") {
  Tracer tracer = Tracer::load(golden / "llama", {.threads = 1});
  const std::vector<TokenId> a = {3, 1, 4, 1, 5, 9}, b = {3, 1, 8, 1, 5, 9};
  const Patching patching = tracer.patch(a, b, TokenId{10}, TokenId{11});
  REQUIRE(patching.positions == std::vector<int64_t>{2, 3, 4, 5});
  REQUIRE(patching.restored.size() == 4 * static_cast<size_t>(tracer.layers()));
  CHECK(patching.restored.back() == Approx(1).margin(1e-4));
  CHECK(patching.restored[patching.restored.size() - 2] == Approx(0).margin(1e-4));
  CHECK_THROWS_AS(tracer.patch(a, std::vector<TokenId>{3, 1}), Error);
  CHECK_THROWS_AS(tracer.patch(a, a), Error);
  CHECK_THROWS_AS(tracer.patch(a, b, TokenId{10}, TokenId{10}), Error);
}

TEST_CASE("trace: patching gives the map that torch gives") {
  // By hooks in transformers' models: scripts/check-trace --golden.
  const Json json = read_json_file(std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/patching.json");
  const auto ids = json["ids"].get<std::vector<TokenId>>(), other = json["other"].get<std::vector<TokenId>>();
  for (const auto& [name, expected] : json["models"].items()) {
    CAPTURE(name);
    Tracer tracer = Tracer::load(golden / name, {.threads = 1});
    const Patching found = tracer.patch(ids, other, json["answer"].get<TokenId>(), json["other_answer"].get<TokenId>());
    CHECK(std::abs(found.difference - expected["difference"].get<double>()) < 1e-3);
    CHECK(std::abs(found.other_difference - expected["other_difference"].get<double>()) < 1e-3);
    const size_t width = found.positions.size();
    REQUIRE(found.restored.size() == expected["restored"].size() * width);
    for (size_t i = 0; i < found.restored.size(); i++)
      CHECK(std::abs(found.restored[i] - expected["restored"][i / width][i % width].get<double>()) < 1e-3);
  }
}

TEST_CASE("trace: parts that there are not") {
  for (const std::string text : {"", "5", "L", "L5.", "L5.H", "L5.H-1", "L5.Q", "Lx", "L5.H3.1", "L99999999"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_ablation(text), Error);
  }
  CHECK(parse_ablation("L5.H3") == Ablation{.part = Ablation::Part::Head, .layer = 5, .head = 3});
  Tracer tracer = Tracer::load(golden / "llama", {.threads = 1});
  const std::vector<TokenId> ids = {1, 2};
  CHECK_THROWS_AS(tracer.run(ids, {.ablations = {parse_ablation("L99")}}), Error);
  CHECK_THROWS_AS(tracer.run(ids, {.ablations = {parse_ablation("L0.H99")}}), Error);
  CHECK_THROWS_AS(tracer.run(std::vector<TokenId>{}), Error);
  CHECK_THROWS_AS(tracer.run(std::vector<TokenId>{-1}), Error);
}
