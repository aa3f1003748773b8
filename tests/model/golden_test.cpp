// The forward pass against the reference's outputs (tests/golden/arch), and its promise of the same bits everywhere.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "arch/family.h"
#include "base/json.h"
#include "foretell/model.h"
#include "foretell/sampling.h"
#include "kernels/dispatch.h"
#include "model/logits.h"

using namespace foretell;
using test::best;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

void check_case(Model& model, const Json& expected) {
  const auto ids = expected["ids"].get<std::vector<TokenId>>();
  const auto log_probabilities = expected["token_logprobs"].get<std::vector<double>>();
  const auto reference = expected["logits_last"].get<std::vector<float>>();
  Sequence sequence(model);
  std::vector<float> last;
  const Span span{.sequence = &sequence, .tokens = ids, .logits = Span::Logits::All};
  model.step({&span, 1}, [&](size_t, size_t token, std::span<const float> logits) {
    if (token + 1 < ids.size()) {
      CHECK_FALSE(std::abs(logits[static_cast<size_t>(ids[token + 1])] - log_sum_exp(logits) -
                           log_probabilities[token]) > 2e-3);
    } else {
      last.assign(logits.begin(), logits.end());
    }
  });
  REQUIRE(last.size() == reference.size());
  const double shift = log_sum_exp(last) - log_sum_exp(reference);
  for (size_t i = 0; i < last.size(); i++) CHECK_FALSE(std::abs(last[i] - reference[i] - shift) > 2e-3);
  for (const TokenId id : expected["greedy"].get<std::vector<TokenId>>()) {
    const TokenId token = best(last);
    REQUIRE(token == id);
    const auto logits = model.next_logits(sequence, {&token, 1});
    last.assign(logits.begin(), logits.end());
  }
}

// Logits of the last of `count` tokens, given in pieces of `piece`.
std::vector<float> logits_in_pieces(Model& model, int64_t count, int64_t piece) {
  Sequence sequence(model, 4096);
  std::vector<TokenId> ids;
  for (int64_t i = 0; i < count; i++)
    ids.push_back(static_cast<TokenId>((i * i * 7 + i * 13 + 5) % model.vocabulary_size()));
  std::vector<float> last;
  for (int64_t first = 0; first < count; first += piece) {
    const auto logits = model.next_logits(
        sequence,
        std::span(ids).subspan(static_cast<size_t>(first), static_cast<size_t>(std::min(piece, count - first))));
    last.assign(logits.begin(), logits.end());
  }
  return last;
}

// However a text is cut up, the last logits are the same bits.
void check_pieces(Model& model) {
  const int64_t count = model.context_is_hard() ? 200 : 290;  // more than one chunk of keys where there can be
  const auto whole = logits_in_pieces(model, count, count);
  for (const int64_t piece : {64, 7, 1}) {
    CAPTURE(piece);
    CHECK(logits_in_pieces(model, count, piece) == whole);
  }
}

// Nor do they depend on the instruction set and the threads, with float and with 8-bit weights.
void check_machines(const std::filesystem::path& folder) {
  for (const int bits : {0, 8}) {
    std::vector<float> first;
    for (const kernels::Table* table : kernels::usable_tables()) {
      for (const int threads : {1, 3}) {
        CAPTURE(bits, table->name, threads);
        Model model = Model::load(folder, {.quantize_bits = bits, .threads = threads, .isa = table->name});
        const auto logits = logits_in_pieces(model, 40, 33);
        if (first.empty()) first = logits;
        CHECK(logits == first);
      }
    }
  }
}

void check_architecture(const std::string& name, const std::filesystem::path& folder = golden) {
  const Json expected = read_json_file(folder / name / "golden.json");
  for (const Precision precision : {Precision::Exact, Precision::Fast}) {
    CAPTURE(name, static_cast<int>(precision));
    Model model = Model::load(folder / name, {.precision = precision, .threads = 2});
    for (const Json& one : expected["cases"]) check_case(model, one);
    check_pieces(model);
  }
  check_machines(folder / name);
  const Json config = read_json_file(folder / name / "config.json");
  const ConfigReader reader(config, "config.json");
  const Family& family = find_family(reader);
  int64_t parameters = 0;
  for (const TensorSpec& tensor : tensor_table(family, family.describe(reader))) {
    int64_t count = is_buffer(tensor.role) ? 0 : 1;
    for (const int64_t n : tensor.shape) count *= n;
    parameters += count;
  }
  CHECK(parameters == expected["parameters"].get<int64_t>());
}

void check_same_bits(const std::string& name, const LoadOptions& options) {
  std::vector<float> first;
  for (const kernels::Table* table : kernels::usable_tables()) {
    for (const int threads : {1, 2, 3, 8}) {
      LoadOptions with = options;
      with.isa = table->name;
      with.threads = threads;
      Model model = Model::load(golden / name, with);
      for (const int64_t piece : {400, 64, 7, 1}) {
        if (threads != 2 && piece < 64) continue;  // slow with more threads than cores, and nothing new
        CAPTURE(name, table->name, threads, piece);
        const auto logits = logits_in_pieces(model, 290, piece);
        if (first.empty()) first = logits;
        CHECK(logits == first);
      }
    }
  }
}

}  // namespace

TEST_CASE("golden: gpt2") { check_architecture("gpt2"); }
TEST_CASE("golden: llama") { check_architecture("llama"); }
TEST_CASE("golden: llama, rotary scaling of Llama 3") { check_architecture("llama3_rope"); }
TEST_CASE("golden: llama, linear rotary scaling") { check_architecture("llama_linear"); }
TEST_CASE("golden: llama, YaRN") { check_architecture("llama_yarn"); }
TEST_CASE("golden: mistral") { check_architecture("mistral"); }
TEST_CASE("golden: qwen2") { check_architecture("qwen2"); }
TEST_CASE("golden: qwen3") { check_architecture("qwen3"); }
TEST_CASE("golden: gemma") { check_architecture("gemma"); }
TEST_CASE("golden: gemma4") { check_architecture("gemma4"); }
TEST_CASE("golden: lfm2") { check_architecture("lfm2"); }
TEST_CASE("golden: qwen3_next") { check_architecture("qwen3_next"); }
TEST_CASE("golden: qwen3_5") { check_architecture("qwen3_5"); }
TEST_CASE("golden: arcee") { check_architecture("arcee"); }
TEST_CASE("golden: bloom") { check_architecture("bloom"); }
TEST_CASE("golden: cohere") { check_architecture("cohere"); }
TEST_CASE("golden: cohere2") { check_architecture("cohere2"); }
TEST_CASE("golden: ernie4_5") { check_architecture("ernie4_5"); }
TEST_CASE("golden: exaone4") { check_architecture("exaone4"); }
TEST_CASE("golden: falcon") { check_architecture("falcon"); }
TEST_CASE("golden: glm4") { check_architecture("glm4"); }
TEST_CASE("golden: gpt_bigcode") { check_architecture("gpt_bigcode"); }
TEST_CASE("golden: gpt_neo") { check_architecture("gpt_neo"); }
TEST_CASE("golden: gpt_neox") { check_architecture("gpt_neox"); }
TEST_CASE("golden: gptj") { check_architecture("gptj"); }
TEST_CASE("golden: mpt") { check_architecture("mpt"); }
TEST_CASE("golden: nemotron") { check_architecture("nemotron"); }
TEST_CASE("golden: olmo") { check_architecture("olmo"); }
TEST_CASE("golden: olmo2") { check_architecture("olmo2"); }
TEST_CASE("golden: olmo3") { check_architecture("olmo3"); }
TEST_CASE("golden: opt") { check_architecture("opt"); }
TEST_CASE("golden: phi") { check_architecture("phi"); }
TEST_CASE("golden: phi3") { check_architecture("phi3"); }
TEST_CASE("golden: seed_oss") { check_architecture("seed_oss"); }
TEST_CASE("golden: smollm3") { check_architecture("smollm3"); }
TEST_CASE("golden: stablelm") { check_architecture("stablelm"); }
TEST_CASE("golden: starcoder2") { check_architecture("starcoder2"); }
TEST_CASE("golden: gemma2") { check_architecture("gemma2"); }
TEST_CASE("golden: gemma3") { check_architecture("gemma3"); }
TEST_CASE("golden: mixtral") { check_architecture("mixtral"); }
TEST_CASE("golden: qwen3_moe") { check_architecture("qwen3_moe"); }
TEST_CASE("golden: qwen2_moe") { check_architecture("qwen2_moe"); }
TEST_CASE("golden: olmoe") { check_architecture("olmoe"); }
TEST_CASE("golden: deepseek_v2") { check_architecture("deepseek_v2"); }
TEST_CASE("golden: deepseek_v3") { check_architecture("deepseek_v3"); }
TEST_CASE("golden: gpt_oss") { check_architecture("gpt_oss"); }
TEST_CASE("golden: llama4") { check_architecture("llama4"); }
TEST_CASE("golden: granite") { check_architecture("granite"); }
TEST_CASE("golden: granitemoe") { check_architecture("granitemoe"); }
TEST_CASE("golden: apertus") { check_architecture("apertus"); }
TEST_CASE("golden: hunyuan_v1_dense") { check_architecture("hunyuan_v1_dense"); }
TEST_CASE("golden: minicpm3") { check_architecture("minicpm3"); }

TEST_CASE("the same bits for any instruction set, threads and pieces: float weights") {
  check_same_bits("mistral", {});
}
TEST_CASE("the same bits for any instruction set, threads and pieces: 4-bit weights") {
  check_same_bits("llama", {.quantize_bits = 4});
}
TEST_CASE("the same bits for any instruction set, threads and pieces: 8-bit weights, two terms") {
  check_same_bits("qwen3", {.precision = Precision::High, .quantize_bits = 8});
}
TEST_CASE("the same bits for any instruction set, threads and pieces: 4-bit weights, exact") {
  check_same_bits("llama_yarn", {.precision = Precision::Exact, .quantize_bits = 4});
}

TEST_CASE("the same bits for any instruction set, threads and pieces: short convolutions") {
  check_same_bits("lfm2", {});
}
TEST_CASE("the same bits for any instruction set, threads and pieces: delta rule and experts") {
  check_same_bits("qwen3_next", {.quantize_bits = 8});
}

TEST_CASE("a sequence's logits do not depend on the others of its step") {
  Model model = Model::load(golden / "llama", {.quantize_bits = 8, .threads = 2});
  std::vector<std::vector<TokenId>> texts;
  for (int t = 0; t < 5; t++) {
    texts.emplace_back();
    for (int i = 0; i < 20 + 70 * t; i++) texts.back().push_back((i * 31 + t * 17 + 3) % 320);
  }
  std::vector<std::vector<float>> alone;
  for (const auto& text : texts) {
    Sequence sequence(model, 1024);
    const auto logits = model.next_logits(sequence, text);
    alone.emplace_back(logits.begin(), logits.end());
  }
  std::vector<Sequence> sequences;
  for (size_t i = 0; i < texts.size(); i++) sequences.emplace_back(model, 1024);
  std::vector<Span> spans;
  for (size_t i = 0; i < texts.size(); i++) spans.push_back({.sequence = &sequences[i], .tokens = texts[i]});
  size_t seen = 0;
  model.step(spans, [&](size_t span, size_t token, std::span<const float> logits) {
    CHECK(token + 1 == texts[span].size());
    CHECK(std::vector<float>(logits.begin(), logits.end()) == alone[span]);
    seen++;
  });
  CHECK(seen == texts.size());
}

TEST_CASE("a truncated sequence goes on as if the rest had never been read") {
  const std::string name = GENERATE("qwen2", "lfm2", "qwen3_5");  // keys and values, and states
  CAPTURE(name);
  Model model = Model::load(golden / name, {.quantize_bits = 4, .threads = 2});
  std::vector<TokenId> ids;
  for (int i = 0; i < 300; i++) ids.push_back((i * 7 + 2) % 320);
  Sequence fresh(model, 512), used(model, 512);
  model.next_logits(used, ids);
  used.truncate(100);
  const std::span all(ids);
  const auto expected = model.next_logits(fresh, all.subspan(0, 150));
  const std::vector<float> copy(expected.begin(), expected.end());
  const auto again = model.next_logits(used, all.subspan(100, 50));
  CHECK(std::vector<float>(again.begin(), again.end()) == copy);
}

TEST_CASE("ids outside the vocabulary and texts longer than the context are errors") {
  Model model = Model::load(golden / "gpt2", {.threads = 1});
  Sequence sequence(model);
  const TokenId bad[] = {1, 320};
  CHECK_THROWS_WITH(model.next_logits(sequence, bad), Catch::Contains("expected 0 to 319, found 320"));
  const std::vector<TokenId> many(257, 1);
  CHECK_THROWS_WITH(model.next_logits(sequence, many), Catch::Contains("expected at most 256 tokens, found 257"));
  CHECK_THROWS(model.next_logits(sequence, {}));
  CHECK(sequence.length() == 0);
}
