// Against transformers' logits processors: tests/golden/samplers.json holds logits, history, parameters (applied in the
// order of their keys) and the probabilities that come out.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "foretell/sampling.h"
#include "generate/defaults.h"
#include "sampling/parameters.h"

using namespace foretell;
using OrderedJson = nlohmann::ordered_json;

namespace {

void set_parameter(SamplingOptions& options, const std::string& key, const OrderedJson& value) {
  if (key == "suppress_tokens") {
    options.suppress = value.get<std::vector<TokenId>>();
    return options.order.push_back("suppress");
  }
  if (key == "sequence_bias") {
    for (const auto& entry : value) options.logit_bias.push_back({entry[0].get<std::vector<TokenId>>(), entry[1]});
    return options.order.push_back("logit-bias");
  }
  for (const SamplingParameter& p : sampling_parameters()) {
    if (p.config_key != key) continue;
    p.set(options, value.get<double>());
    options.order.emplace_back(p.flag);
    return;
  }
  FAIL("unknown parameter " << key);
}

// The reference sorts without keeping the order of equal logits: where a nucleus' border falls between them, which of
// them stay is its sort's accident, but not how many. So there probabilities are compared within each group of equal
// tokens.
std::vector<double> comparable(const OrderedJson& row, const std::vector<double>& probabilities) {
  if (!row["params"].contains("top_p")) return probabilities;
  const auto history = row["history"].get<std::vector<TokenId>>();
  std::vector<std::tuple<float, bool, double>> tokens;
  for (size_t id = 0; id < probabilities.size(); id++) {
    const auto logit = row["logits"][id].get<float>();
    const bool seen = std::find(history.begin(), history.end(), static_cast<TokenId>(id)) != history.end();
    const bool penalized = seen && logit != 0 && row["params"].contains("repetition_penalty");
    tokens.emplace_back(logit, penalized, probabilities[id]);
  }
  std::sort(tokens.begin(), tokens.end());
  std::vector<double> result;
  for (const auto& token : tokens) result.push_back(std::get<double>(token));
  return result;
}

}  // namespace

TEST_CASE("samplers give transformers' probabilities") {
  std::ifstream file(std::string(FORETELL_SOURCE_DIR) + "/tests/golden/samplers.json");
  const OrderedJson golden = OrderedJson::parse(file);
  REQUIRE(golden["rows"].size() == 160);
  for (const OrderedJson& row : golden["rows"]) {
    SamplingOptions options;
    for (const auto& [key, value] : row["params"].items()) set_parameter(options, key, value);
    SamplerChain chain(options);
    const auto logits = row["logits"].get<std::vector<float>>();
    const auto history = row["history"].get<std::vector<TokenId>>();
    Candidates& candidates = chain.apply(logits, history, history.size());
    std::vector<double> found(logits.size());
    const auto weights = candidates.weights();
    for (size_t i = 0; i < candidates.size(); i++)
      found[static_cast<size_t>(candidates.items()[i].id)] = weights.probability(i);
    const auto expected = comparable(row, row["probs"].get<std::vector<double>>());
    found = comparable(row, found);
    double largest = 0;
    for (size_t i = 0; i < found.size(); i++) largest = std::max(largest, std::abs(found[i] - expected[i]));
    INFO(row["params"].dump() << " on logits from " << row["logits"][0]);
    CHECK(largest <= 1e-5);
  }
}

TEST_CASE("settings of generation_config.json give transformers' probabilities") {
  std::ifstream file(std::string(FORETELL_SOURCE_DIR) + "/tests/golden/generation_config/processors.json");
  const Json rows = Json::parse(file);
  REQUIRE(rows.size() == 300);
  for (const Json& row : rows) {
    Json config = row["settings"];
    config.update({{"do_sample", true}, {"temperature", 1.0}, {"top_k", 0}, {"eos_token_id", 3}});
    SamplingOptions options = generation_defaults(config, nullptr).sampling;
    options.max_tokens = row["max_new_tokens"];
    SamplerChain chain(options);
    const auto logits = row["logits"].get<std::vector<float>>();
    Candidates& candidates = chain.apply(logits, row["history"].get<std::vector<TokenId>>(), row["prompt_length"]);
    std::vector<double> found(logits.size());
    const auto weights = candidates.weights();
    for (size_t i = 0; i < candidates.size(); i++)
      found[static_cast<size_t>(candidates.items()[i].id)] = weights.probability(i);
    double largest = 0;
    for (size_t i = 0; i < found.size(); i++)
      largest = std::max(largest, std::abs(found[i] - row["probabilities"][i].get<double>()));
    INFO(row["settings"].dump() << " on logits from " << row["logits"][0] << ", " << row["history"].dump());
    CHECK(largest <= 1e-5);
  }
}
