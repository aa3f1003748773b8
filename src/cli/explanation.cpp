#include "cli/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/token_text.h"
#include "foretell/sampling.h"

namespace foretell::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson token_json(const LensToken& token, const Tokenizer* tokenizer) {
  OrderedJson json = {{"id", token.id}};
  add_token(json, tokenizer, token.id);
  json["probability"] = token.probability;
  return json;
}

OrderedJson tokens_json(const Lens& lens, const Tokenizer* tokenizer) {
  OrderedJson list = OrderedJson::array();
  for (const LensToken& token : lens.top) list.push_back(token_json(token, tokenizer));
  return list;
}

// [head][query][key]
OrderedJson attention_json(const LayerTrace& layer, size_t width) {
  if (!layer.attends) return nullptr;
  OrderedJson heads = OrderedJson::array();
  const float* row = layer.attention.data();
  for (int64_t h = 0; h < layer.heads; h++) {
    OrderedJson queries = OrderedJson::array();
    for (size_t q = 0; q < width; q++, row += width) queries.push_back(std::vector<float>(row, row + width));
    heads.push_back(std::move(queries));
  }
  return heads;
}

double length(const float* x, int64_t n) { return std::sqrt(std::inner_product(x, x + n, x, 0.0)); }

OrderedJson layer_json(const Explanation& e, int64_t index, const Tokenizer* tokenizer) {
  const auto l = static_cast<size_t>(index);
  const LayerTrace& layer = e.trace.layers[l];
  const Lens& lens = e.lens[l];
  OrderedJson norms = OrderedJson::array();
  for (size_t t = 0; t < e.trace.tokens.size(); t++)
    norms.push_back(length(layer.stream.data() + static_cast<int64_t>(t) * e.trace.hidden, e.trace.hidden));
  return {{"layer", index},
          {"attention", attention_json(layer, e.trace.positions.size())},
          {"lens", tokens_json(lens, tokenizer)},
          {"answer_rank", lens.answer_rank},
          {"answer_probability", lens.answer_probability},
          {"residual_norm", norms},
          {"mixer_norm", layer.mixer_norm},
          {"mlp_norm", layer.mlp_norm}};
}

OrderedJson patching_json(const Explanation& e, const Tokenizer* tokenizer) {
  const Patching& p = *e.patching;
  const size_t width = p.positions.size();
  OrderedJson map = OrderedJson::array();
  for (size_t l = 0; l < p.restored.size() / width; l++) {
    const auto row = p.restored.begin() + static_cast<std::ptrdiff_t>(l * width);
    map.push_back(std::vector<double>(row, row + static_cast<std::ptrdiff_t>(width)));
  }
  OrderedJson json = {
      {"prompt_ids", e.other_tokens}, {"answer", {{"id", p.answer}}}, {"other_answer", {{"id", p.other_answer}}}};
  add_token(json["answer"], tokenizer, p.answer);
  add_token(json["other_answer"], tokenizer, p.other_answer);
  json.update({{"difference", p.difference},
               {"other_difference", p.other_difference},
               {"positions", p.positions},
               {"restored", map}});
  return json;
}

}  // namespace

Lens look_through(std::span<const float> logits, TokenId answer, size_t count) {
  std::vector<TokenId> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto logit = [&](TokenId id) { return logits[static_cast<size_t>(id)]; };
  const auto better = [&](TokenId a, TokenId b) { return logit(a) > logit(b) || (logit(a) == logit(b) && a < b); };
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), better);
  const double all = log_sum_exp(logits);
  Lens lens;
  for (size_t i = 0; i < count; i++) lens.top.push_back({order[i], std::exp(logit(order[i]) - all)});
  lens.answer_probability = std::exp(logit(answer) - all);
  for (size_t i = 0; i < logits.size(); i++)
    if (better(static_cast<TokenId>(i), answer)) lens.answer_rank++;
  return lens;
}

std::string name_of(const Ablation& a) {
  const std::string layer = "L" + std::to_string(a.layer);
  if (a.part == Ablation::Part::Layer) return layer;
  if (a.part == Ablation::Part::Head) return layer + ".H" + std::to_string(a.head);
  return layer + (a.part == Ablation::Part::Mlp ? ".MLP" : ".Mixer");
}

OrderedJson explanation_json(const Explanation& e, const Tokenizer* tokenizer) {
  OrderedJson tokens = OrderedJson::array(), layers = OrderedJson::array(), attribution = OrderedJson::array(),
              embedded = OrderedJson::array();
  for (const TokenId id : e.trace.tokens) tokens.push_back(tokenizer == nullptr ? "" : tokenizer->token_bytes(id));
  for (size_t t = 0; t < e.trace.tokens.size(); t++)
    embedded.push_back(length(e.trace.embedded.data() + static_cast<int64_t>(t) * e.trace.hidden, e.trace.hidden));
  for (const int64_t l : e.layers) layers.push_back(layer_json(e, l, tokenizer));
  for (const Contribution& part : e.attribution.parts)
    attribution.push_back({{"name", part.name}, {"logit", part.logit}});
  OrderedJson json = {{"prompt_ids", e.trace.tokens},
                      {"tokens", tokens},
                      {"attention_positions", e.trace.positions},
                      {"embedding_norm", embedded},
                      {"layers", layers},
                      {"final", tokens_json(e.final, tokenizer)},
                      {"answer", token_json({e.answer, e.final.answer_probability}, tokenizer)},
                      {"attribution", attribution},
                      {"attribution_total", e.attribution.total}};
  if (e.against) {
    json["contrast"] = {{"id", *e.against}};
    add_token(json["contrast"], tokenizer, *e.against);
  }
  if (!e.ablations.empty()) {
    json["ablated"] = OrderedJson::array();
    for (const Ablation& a : e.ablations) json["ablated"].push_back(name_of(a));
    json["unablated"] = tokens_json(*e.unablated, tokenizer);
  }
  if (e.patching) json["versus"] = patching_json(e, tokenizer);
  return json;
}

}  // namespace foretell::cli
