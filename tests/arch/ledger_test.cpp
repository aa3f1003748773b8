#include "arch/ledger.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace foretell;

namespace {

const Json gpt3 = {{"model_type", "gpt2"}, {"vocab_size", 50257}, {"n_positions", 2048},
                   {"n_embd", 12288},      {"n_layer", 96},       {"n_head", 96}};
// Meta's Llama 3 8B.
const Json llama3 = {{"model_type", "llama"},      {"vocab_size", 128256},        {"hidden_size", 4096},
                     {"intermediate_size", 14336}, {"num_hidden_layers", 32},     {"num_attention_heads", 32},
                     {"num_key_value_heads", 8},   {"tie_word_embeddings", false}};

Ledger ledger_of(const Json& config, LedgerKind kind) {
  const ConfigReader reader(config, "config.json");
  const Family& family = find_family(reader);
  return make_ledger(family, family.describe(reader), kind);
}

LedgerRow row(const Ledger& ledger, const std::string& name) {
  for (const LedgerRow& r : ledger.rows) {
    if (r.name == name) return r;
  }
  FAIL("no row " << name);
  return {};
}

std::vector<std::string> row_names(const Ledger& ledger) {
  std::vector<std::string> out;
  for (const LedgerRow& r : ledger.rows) out.push_back(r.name);
  return out;
}

void check(const LedgerRow& r, int64_t rows, int64_t cols, int64_t count, int64_t total) {
  INFO(r.name);
  CHECK(r.rows == rows);
  CHECK(r.cols == cols);
  CHECK(r.count == count);
  CHECK(r.total == total);
}

}  // namespace

TEST_CASE("the lesson's ledger of GPT-3") {
  // 3Blue1Brown, "But what is a GPT?", the table at the end.
  const Ledger ledger = ledger_of(gpt3, LedgerKind::Chapter);
  CHECK(row_names(ledger) == std::vector<std::string>{"Embedding", "Query", "Key", "Value", "Output", "Up-projection",
                                                      "Down-projection", "Unembedding"});
  check(row(ledger, "Embedding"), 12288, 50257, 1, 617'558'016);
  for (const char* name : {"Query", "Key", "Value"}) check(row(ledger, name), 128, 12288, 96 * 96, 14'495'514'624);
  check(row(ledger, "Output"), 12288, 12288, 96, 14'495'514'624);
  check(row(ledger, "Up-projection"), 49152, 12288, 96, 57'982'058'496);
  check(row(ledger, "Down-projection"), 12288, 49152, 96, 57'982'058'496);
  check(row(ledger, "Unembedding"), 50257, 12288, 1, 617'558'016);
  CHECK(ledger.total == 175'181'291'520);
  CHECK(ledger.matrices == 27'938);
}

TEST_CASE("the exact ledger counts each stored number once") {
  // GPT-2's own numbers: 124,439,808 parameters, of which 2 * 768 are in each of 25 norms.
  const Ledger gpt2 = ledger_of({{"model_type", "gpt2"}}, LedgerKind::Exact);
  CHECK(gpt2.total == 124'439'808);
  check(row(gpt2, "Norms"), 768, 1, 50, 38'400);
  check(row(gpt2, "Positions"), 1024, 768, 1, 786'432);
  check(row(gpt2, "Biases"), 0, 0, 48, 12 * (3 * 768 + 768 + 4 * 768 + 768));
  check(row(gpt2, "Query"), 768, 768, 12, 12 * 768 * 768);
  check(row(gpt2, "Key"), 768, 768, 12, 12 * 768 * 768);
  check(row(gpt2, "Up-projection"), 3072, 768, 12, 12 * 3072 * 768);
  check(row(gpt2, "Unembedding"), 50257, 768, 0, 0);  // the embedding again, and stored there
  CHECK(row_names(gpt2) == std::vector<std::string>{"Embedding", "Query", "Key", "Value", "Output", "Up-projection",
                                                    "Down-projection", "Unembedding", "Biases", "Norms", "Positions",
                                                    "Other", "Buffers"});
}

TEST_CASE("grouped queries have fewer key and value matrices") {
  const Ledger chapter = ledger_of(llama3, LedgerKind::Chapter);
  check(row(chapter, "Query"), 128, 4096, 32 * 32, int64_t{32} * 4096 * 4096);
  check(row(chapter, "Key"), 128, 4096, 32 * 8, int64_t{32} * 1024 * 4096);
  check(row(chapter, "Value"), 128, 4096, 32 * 8, int64_t{32} * 1024 * 4096);
  check(row(chapter, "Gate-projection"), 14336, 4096, 32, int64_t{32} * 14336 * 4096);
  const auto names = row_names(chapter);
  CHECK(std::find(names.begin(), names.end(), "Gate-projection") -
            std::find(names.begin(), names.end(), "Up-projection") ==
        1);
  const Ledger exact = ledger_of(llama3, LedgerKind::Exact);
  CHECK(exact.total == 8'030'261'248);  // the model's card
  check(row(exact, "Norms"), 4096, 1, 65, 65 * 4096);
  CHECK(exact.total - row(exact, "Norms").total == chapter.total);
}

TEST_CASE("a model too large to count is an error") {
  const Json huge = {{"model_type", "llama"}, {"vocab_size", int64_t{1} << 40}, {"hidden_size", int64_t{1} << 30}};
  CHECK_THROWS_AS(ledger_of(huge, LedgerKind::Exact), Error);
}
