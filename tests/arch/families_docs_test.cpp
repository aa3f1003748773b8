// docs/families.md shows what the code has: its table is compared with the code's own.
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "arch/family.h"
#include "base/mapped_file.h"

using namespace foretell;

namespace {

// Parts, each once, with commas.
class List {
 public:
  void add(const std::string& part, bool condition = true) {
    if (condition && std::find(parts_.begin(), parts_.end(), part) == parts_.end()) parts_.push_back(part);
  }
  std::string text() const {
    std::string all;
    for (const std::string& part : parts_) all += (all.empty() ? "" : ", ") + part;
    return all;
  }

 private:
  std::vector<std::string> parts_;
};

std::string norms(const ModelSpec& spec) {
  List list;
  for (const LayerSpec& l : spec.layers) {
    for (const auto& norm : {l.attn_in, l.mlp_in, l.attn_out, l.mlp_out, l.attn_sum, l.mlp_sum})
      if (norm) list.add(norm->kind == NormSpec::Kind::Rms ? "RMS" : "layer");
    list.add("before", l.attn_in || l.mlp_in);
    list.add("after", l.attn_out || l.mlp_out);
    list.add("of the sum", l.attn_sum || l.mlp_sum);
  }
  return list.text();
}

std::string positions(const ModelSpec& spec) {
  List list;
  list.add("learned", spec.positions.has_value());
  for (const LayerSpec& l : spec.layers) {
    const Attention* a = attention_of(l);
    if (a == nullptr) continue;
    list.add("ALiBi", !a->alibi.empty());
    if (a->rotary) list.add(a->rotary->pairing == Rotary::Pairing::Half ? "rotary halves" : "rotary pairs");
    const auto* part = a->rotary ? std::get_if<ProportionalScaling>(&a->rotary->scaling) : nullptr;
    list.add("partly", a->rotary && (a->rotary->dims < a->head_dim || part != nullptr));
    list.add("some layers without", !a->rotary && !spec.positions && a->alibi.empty());
  }
  return list.text();
}

std::string mixers(const ModelSpec& spec) {
  List list;
  for (const LayerSpec& l : spec.layers) {
    list.add("delta rule", std::holds_alternative<DeltaNet>(l.mixer));
    list.add("short convolution", std::holds_alternative<ShortConvolution>(l.mixer));
    list.add("latent attention", std::holds_alternative<LatentAttention>(l.mixer));
    list.add("attention", std::holds_alternative<Attention>(l.mixer));
    const Attention* a = attention_of(l);
    if (a == nullptr) continue;
    list.add("grouped", a->kv_heads < a->heads && a->kv_heads > 1);
    list.add("one key-value head", a->kv_heads == 1);
    list.add("window", a->window > 0);
    list.add("chunk", a->chunk > 0);
    list.add("norm of each head",
             a->qk_norm == Attention::QkNorm::PerHead || a->qk_norm == Attention::QkNorm::PerHeadOwn);
    list.add("norm of all heads", a->qk_norm == Attention::QkNorm::Whole);
    list.add("cap", a->logit_cap > 0);
    list.add("sinks", a->sinks);
    list.add("gate", a->gate);
    list.add("shared keys", a->kv_layer >= 0);
  }
  return list.text();
}

std::string name_of(Activation activation) {
  switch (activation) {
    case Activation::Silu:
      return "SiLU";
    case Activation::Gelu:
    case Activation::GeluTanh:
    case Activation::QuickGelu:
      return "GELU";
    case Activation::Relu:
      return "ReLU";
    case Activation::ReluSquared:
      return "ReLU squared";
    case Activation::XIelu:
      return "xIELU";
    default:
      return "other";
  }
}

std::string mlps(const ModelSpec& spec) {
  List list;
  for (const LayerSpec& l : spec.layers) {
    if (const auto* e = std::get_if<Experts>(&l.mlp)) {
      list.add(std::to_string(e->chosen) + " of " + std::to_string(e->count) + " experts");
      list.add("and one for all", e->shared.has_value());
    }
    if (const auto* d = std::get_if<Dense>(&l.mlp)) list.add((d->gated ? "gated " : "") + name_of(d->activation));
    list.add("beside attention", l.residual == LayerSpec::Residual::Parallel);
    list.add("per-layer embeddings", l.per_layer_input.has_value());
  }
  return list.text();
}

// With the defaults; keys that have none are as in the first published model.
ModelSpec spec_of(const Family& family) {
  Json json = {{"model_type", family.model_types.front()}};
  try {
    return family.describe(ConfigReader(json, "config.json"));
  } catch (const Error&) {
    json["num_experts_per_tok"] = 6;  // DeepSeek-V2's
    return family.describe(ConfigReader(json, "config.json"));
  }
}

std::string row(const Family& family) {
  std::string types;
  for (const std::string_view type : family.model_types) types += (types.empty() ? "" : ", ") + std::string(type);
  const ModelSpec spec = spec_of(family);
  return "| " + types + " | " + norms(spec) + " | " + positions(spec) + " | " + mixers(spec) + " | " + mlps(spec) +
         " | " + std::string(family.gguf_architecture) + " |\n";
}

}  // namespace

TEST_CASE("docs/families.md lists the families as the code has them") {
  std::vector<std::string> rows;
  for (const Family* family : families()) rows.push_back(row(*family));
  std::sort(rows.begin(), rows.end());
  std::string table =
      "| model_type | norms | positions | between tokens | MLP | GGUF |\n| --- | --- | --- | --- | --- | --- |\n";
  for (const std::string& text : rows) table += text;
  const bool same = read_text_file(FORETELL_SOURCE_DIR "/docs/families.md").ends_with("\n" + table);
  if (!same) std::cout << table;  // as it has to be
  CHECK(same);
}
