// An explanation as one HTML file: what src/report/page.js reads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "arch/ledger.h"
#include "base/thread_pool.h"
#include "cli/explanation.h"
#include "cli/inspect_model.h"
#include "cli/token_text.h"
#include "model/token_vectors.h"
#include "report/page.h"

namespace foretell::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr size_t named_tokens = 200, neighbours = 8;

template <class T>
std::string packed(const std::vector<T>& numbers) {
  std::vector<unsigned char> bytes(numbers.size() * sizeof(T));
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return base64(bytes);
}

std::string text_of(const Tokenizer* tokenizer, TokenId id) {
  return tokenizer == nullptr ? "#" + std::to_string(id) : tokenizer->token_bytes(id);
}

double length(const std::vector<float>& x) {
  double sum = 0;
  for (const float v : x) sum += static_cast<double>(v) * v;
  return std::sqrt(sum);
}

// The rows of all heads up to their query, in 65535ths. `width` positions were kept in the trace.
std::string attention(const LayerTrace& layer, std::span<const size_t> shown, size_t width) {
  std::vector<uint16_t> numbers;
  for (size_t h = 0; h < static_cast<size_t>(layer.heads); h++)
    for (size_t q = 0; q < shown.size(); q++)
      for (size_t k = 0; k <= q; k++) {
        const float weight = layer.attention[(h * width + shown[q]) * width + shown[k]];
        numbers.push_back(static_cast<uint16_t>(std::lround(std::clamp(weight, 0.0f, 1.0f) * 65535)));
      }
  return packed(numbers);
}

OrderedJson layer_data(const Explanation& e, size_t l, std::span<const size_t> shown, const Tokenizer* tokenizer) {
  const LayerTrace& layer = e.trace.layers[l];
  OrderedJson lens = OrderedJson::array();
  for (const LensToken& token : e.lens[l].top)
    lens.push_back({{"token", text_of(tokenizer, token.id)}, {"probability", token.probability}});
  return {{"layer", l},
          {"heads", layer.attends ? layer.heads : 0},
          {"mixer_heads", layer.heads},
          {"attention", layer.attends ? attention(layer, shown, e.trace.positions.size()) : ""},
          {"mixer_norm", layer.mixer_norm.back()},
          {"mlp_norm", length(layer.mlp_adds)},
          {"lens", lens},
          {"answer_rank", e.lens[l].answer_rank},
          {"answer_probability", e.lens[l].answer_probability}};
}

OrderedJson near(const TokenVectors& vectors, TokenId id, const Tokenizer* tokenizer, ThreadPool& pool) {
  const std::vector<float> row = vectors.at(id);
  const std::vector<double> vector(row.begin(), row.end());
  OrderedJson list = OrderedJson::array();
  const auto allowed = [&](TokenId t) {
    return t != id && (tokenizer == nullptr || !tokenizer->token_name(t).empty());
  };
  for (const Neighbour& n : nearest(vectors.cosines(vector, pool), neighbours, allowed))
    list.push_back({{"token", text_of(tokenizer, n.id)}, {"cosine", n.cosine}});
  return list;
}

// So many of the kept positions that the file stays small: the first and the last.
std::vector<size_t> shown_positions(const Explanation& e) {
  size_t heads = 1;
  for (const int64_t l : e.layers) heads += static_cast<size_t>(e.trace.layers[static_cast<size_t>(l)].heads);
  constexpr double most_numbers = 750'000;
  const auto most =
      static_cast<size_t>(std::clamp(std::sqrt(2 * most_numbers / static_cast<double>(heads)), 8.0, 72.0));
  const size_t kept = e.trace.positions.size(), count = std::min(kept, most);
  std::vector<size_t> shown(count);
  for (size_t i = 0; i < count; i++) shown[i] = i < 4 || count == kept ? i : kept - count + i;
  return shown;
}

}  // namespace

std::string explanation_page(const Explanation& e, const std::filesystem::path& model, const Tokenizer* tokenizer) {
  const std::vector<size_t> shown = shown_positions(e);
  OrderedJson tokens = OrderedJson::array(), close = OrderedJson::array(), layers = OrderedJson::array(),
              parts = OrderedJson::array(), texts = OrderedJson::array(), ledger = OrderedJson::array(),
              positions = OrderedJson::array();
  for (const TokenId id : e.trace.tokens) tokens.push_back(text_of(tokenizer, id));
  ThreadPool pool(available_cores());
  const TokenVectors vectors(model, TokenVectors::Space::Embedding);
  for (const size_t i : shown) {
    positions.push_back(e.trace.positions[i]);
    close.push_back(near(vectors, e.trace.tokens[static_cast<size_t>(e.trace.positions[i])], tokenizer, pool));
  }
  for (const int64_t l : e.layers) layers.push_back(layer_data(e, static_cast<size_t>(l), shown, tokenizer));
  for (const Contribution& part : e.attribution.parts) parts.push_back({{"name", part.name}, {"logit", part.logit}});
  for (const LensToken& token : look_through(e.trace.logits, e.answer, named_tokens).top)
    texts.push_back({{"id", token.id}, {"token", text_of(tokenizer, token.id)}});
  const InspectedModel inspected = open_inspected(model);
  for (const LedgerRow& row : make_ledger(*inspected.family, inspected.spec, LedgerKind::Exact).rows)
    if (row.parameters && row.total > 0)
      ledger.push_back(
          {{"name", row.name}, {"rows", row.rows}, {"cols", row.cols}, {"count", row.count}, {"total", row.total}});
  std::string told;
  if (shown.size() < e.trace.tokens.size())
    told = "The text has " + std::to_string(e.trace.tokens.size()) + " tokens; shown are the first 4 and the last " +
           std::to_string(shown.size() - 4) + ". ";
  for (const Ablation& a : e.ablations) told += "Without " + name_of(a) + ". ";
  if (e.against) told += "The attribution is that of the difference to " + text_of(tokenizer, *e.against) + ". ";
  const OrderedJson data = {{"model", model.filename().string()},
                            {"told", told},
                            {"tokens", tokens},
                            {"ids", e.trace.tokens},
                            {"shown", positions},
                            {"near", close},
                            {"answer", {{"id", e.answer}, {"token", text_of(tokenizer, e.answer)}}},
                            {"layers", layers},
                            {"attribution", parts},
                            {"attribution_total", e.attribution.total},
                            {"logits", packed(e.trace.logits)},
                            {"texts", texts},
                            {"ledger", ledger}};
  return report_page("How " + model.filename().string() + " came to its next token", data);
}

}  // namespace foretell::cli
