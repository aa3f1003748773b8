#include "cli/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
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

// The members of an object, without its braces. Bytes that are not UTF-8 come out as U+FFFD.
std::string members(const OrderedJson& object) {
  const std::string text = object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

// "[0.25,0.75]", each number with as many digits as tell it from other floats.
void append_numbers(std::string& text, std::span<const float> numbers) {
  constexpr size_t longest = 16;  // -1.17549435e-38
  const size_t begin = text.size();
  text.resize(begin + 2 + numbers.size() * (longest + 1));
  char* at = text.data() + begin;
  *at++ = '[';
  for (size_t i = 0; i < numbers.size(); i++) {
    if (i > 0) *at++ = ',';
    if (numbers[i] == 0) {  // half of them, by the causal mask
      *at++ = '0';
    } else if (std::isfinite(numbers[i])) {
      at = std::to_chars(at, at + longest, numbers[i]).ptr;
    } else {
      at = std::copy_n("null", 4, at);
    }
  }
  *at++ = ']';
  text.resize(static_cast<size_t>(at - text.data()));
}

// [head][query][key], by far the most of a long text's trace: it is written as it is read.
void write_attention(const LayerTrace& layer, size_t width, Output& out) {
  if (!layer.attends) return out.write("null");
  const float* row = layer.attention.data();
  std::string text;
  for (int64_t h = 0; h < layer.heads; h++) {
    out.write(h == 0 ? "[[" : "],[");
    for (size_t q = 0; q < width; q++, row += width) {
      text.assign(q == 0 ? "" : ",");
      append_numbers(text, {row, width});
      out.write(text);
    }
  }
  out.write(layer.heads > 0 ? "]]" : "[]");
}

double length(const float* x, int64_t n) { return std::sqrt(std::inner_product(x, x + n, x, 0.0)); }

// What there is of a layer besides its number and its attention.
OrderedJson layer_json(const Explanation& e, int64_t index, const Tokenizer* tokenizer) {
  const auto l = static_cast<size_t>(index);
  const LayerTrace& layer = e.trace.layers[l];
  const Lens& lens = e.lens[l];
  OrderedJson norms = OrderedJson::array();
  for (size_t t = 0; t < e.trace.tokens.size(); t++)
    norms.push_back(length(layer.stream.data() + static_cast<int64_t>(t) * e.trace.hidden, e.trace.hidden));
  return {{"lens", tokens_json(lens, tokenizer)},
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

OrderedJson text_json(const Explanation& e, const Tokenizer* tokenizer) {
  OrderedJson tokens = OrderedJson::array(), embedded = OrderedJson::array();
  for (const TokenId id : e.trace.tokens) tokens.push_back(tokenizer == nullptr ? "" : tokenizer->token_bytes(id));
  for (size_t t = 0; t < e.trace.tokens.size(); t++)
    embedded.push_back(length(e.trace.embedded.data() + static_cast<int64_t>(t) * e.trace.hidden, e.trace.hidden));
  return {{"prompt_ids", e.trace.tokens},
          {"tokens", tokens},
          {"attention_positions", e.trace.positions},
          {"embedding_norm", embedded}};
}

OrderedJson answer_json(const Explanation& e, const Tokenizer* tokenizer) {
  OrderedJson attribution = OrderedJson::array();
  for (const Contribution& part : e.attribution.parts)
    attribution.push_back({{"name", part.name}, {"logit", part.logit}});
  OrderedJson json = {{"final", tokens_json(e.final, tokenizer)},
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

void write_json(const Explanation& e, const Tokenizer* tokenizer, Output& out) {
  out.write("{" + members(text_json(e, tokenizer)) + ",\"layers\":[");
  for (size_t i = 0; i < e.layers.size(); i++) {
    const int64_t index = e.layers[i];
    out.write(fmt::format("{}{{\"layer\":{},\"attention\":", i == 0 ? "" : ",", index));
    write_attention(e.trace.layers[static_cast<size_t>(index)], e.trace.positions.size(), out);
    out.write("," + members(layer_json(e, index, tokenizer)) + "}");
  }
  out.write("]," + members(answer_json(e, tokenizer)) + "}\n");
}

}  // namespace foretell::cli
