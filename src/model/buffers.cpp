// The scratch of the forward pass, sized once by the largest layer.
#include <algorithm>

#include "model/forward.h"

namespace foretell {
namespace {

// The widest of each kind of row; 0: not wanted.
struct Widths {
  int64_t query = 0, key = 0, value = 0, gate = 0, short_row = 0, short_key = 0, delta_heads = 0, heads = 0,
          intermediate = 0, narrow = 0, experts = 0, expert_tiles = 0, expert_intermediate = 0, chosen = 0;
  bool block = false, shared_gate = false, branches = false;

  static void grow(int64_t& width, int64_t with) { width = std::max(width, with); }

  void add(const LayerSpec& layer, const LayerWeights& w, int64_t hidden) {
    for (const Linear* m : {&w.attention.query, &w.delta.query, &w.convolution.b}) grow(query, m->weight.rows);
    for (const Linear* m : {&w.attention.key, &w.delta.key, &w.convolution.c}) grow(key, m->weight.rows);
    for (const Linear* m : {&w.attention.value, &w.delta.value, &w.convolution.x}) grow(value, m->weight.rows);
    for (const Linear* m : {&w.attention.gate, &w.delta.gate}) grow(gate, m->weight.rows);
    for (const Linear* m : {&w.attention.query_down, &w.attention.kv_down}) grow(short_row, m->weight.rows);
    grow(short_key, w.attention.key_rotary.weight.rows);
    grow(delta_heads, w.delta.beta.weight.rows);
    for (const Linear* m : {&w.attention.output, &w.delta.output, &w.convolution.output}) grow(heads, m->weight.cols);
    grow(intermediate, w.mlp.down.weight.cols);
    block = block || layer.attn_out || layer.mlp_out || layer.per_layer_input;
    if (layer.per_layer_input) grow(narrow, layer.per_layer_input->dims);
    if (const auto* e = std::get_if<Experts>(&layer.mlp)) {
      grow(experts, e->count);
      grow(chosen, e->chosen);
      grow(expert_intermediate, e->expert.intermediate);
      shared_gate = shared_gate || e->shared_gate;
      branches = branches || e->branches;
    }
    grow(heads, std::holds_alternative<ShortConvolution>(layer.mixer) ? hidden : 0);
  }
};

void each_linear(const LayerWeights& w, const auto& visit) {
  const AttentionWeights& a = w.attention;
  const DeltaWeights& d = w.delta;
  const ConvolutionWeights& c = w.convolution;
  for (const Linear* m : {&a.query,
                          &a.key,
                          &a.value,
                          &a.gate,
                          &a.output,
                          &a.query_down,
                          &a.kv_down,
                          &a.key_rotary,
                          &d.query,
                          &d.key,
                          &d.value,
                          &d.gate,
                          &d.beta,
                          &d.decay,
                          &d.output,
                          &c.b,
                          &c.c,
                          &c.x,
                          &c.output,
                          &w.mlp.gate,
                          &w.mlp.up,
                          &w.mlp.down,
                          &w.experts.router,
                          &w.experts.shared_gate,
                          &w.per_layer_gate,
                          &w.per_layer_out})
    visit(*m);
  for (const MlpWeights& e : w.experts.experts)
    for (const Linear* m : {&e.gate, &e.up, &e.down}) visit(*m);
}

}  // namespace

void Forward::add_format(const Linear& linear, InputFormats& formats) const {
  if (linear.weight.rows == 0) return;
  const InputFormat format = input_format(linear.weight);
  formats.floats = formats.floats || format == InputFormat::Float;
  formats.integers = formats.integers || format == InputFormat::Int8;
  formats.pairs = formats.pairs || format == InputFormat::Int8Pair;
}

InputFormats Forward::formats_of(const Linear& linear) const {
  InputFormats formats{.floats = observer_ != nullptr};
  add_format(linear, formats);
  return formats;
}

// Of all but the unembedding.
InputFormats Forward::other_formats() const {
  InputFormats formats{.floats = observer_ != nullptr};
  for (const LayerWeights& layer : weights_.layers)
    each_linear(layer, [&](const Linear& linear) { add_format(linear, formats); });
  for (const Linear* m : {&weights_.project_in, &weights_.project_out, &weights_.per_layer_projection})
    add_format(*m, formats);
  return formats;
}

void Forward::make_buffers() {
  Widths widths;
  for (size_t i = 0; i < spec_.layers.size(); i++) widths.add(spec_.layers[i], weights_.layers[i], spec_.hidden);
  const InputFormats formats = other_formats(), last = formats_of(weights_.unembedding);
  const bool integers = formats.integers || formats.pairs || last.integers || last.pairs;
  tile_rows_ = integers ? table_.tile_rows : table_.float_tile_rows;
  const auto make_inputs = [&](int64_t cols) {
    Inputs inputs{.shared = Tiles(table_, formats, max_rows, cols), .own = {}};
    for (int t = 0; t < pool_.size(); t++) inputs.own.emplace_back(table_, formats, 1, cols);
    return inputs;
  };
  hidden_ = RowBuffer(max_rows, spec_.hidden);
  if (widths.block || follower_ != nullptr) block_ = RowBuffer(max_rows, spec_.hidden);
  if (widths.branches) branch_ = RowBuffer(max_rows, spec_.hidden);
  queries_ = RowBuffer(max_rows, widths.query);
  keys_ = RowBuffer(max_rows, widths.key);
  values_ = RowBuffer(max_rows, widths.value);
  gates_ = RowBuffer(max_rows, widths.gate);
  short_rows_ = RowBuffer(max_rows, widths.short_row);
  short_keys_ = RowBuffer(max_rows, widths.short_key);
  beta_ = RowBuffer(max_rows, widths.delta_heads);
  decay_ = RowBuffer(max_rows, widths.delta_heads);
  embedded_ = RowBuffer(max_rows, spec_.embedding_dim);
  narrow_ = RowBuffer(max_rows, widths.narrow);
  layer_inputs_ = RowBuffer(max_rows, widths.narrow * static_cast<int64_t>(spec_.layers.size()));
  logits_ = RowBuffer(max_logit_rows, spec_.vocabulary);
  attention_input_ = make_inputs(spec_.hidden);
  mlp_input_ = make_inputs(spec_.hidden);
  heads_input_ = make_inputs(widths.heads);
  expanded_ = Tiles(table_, formats, max_rows, widths.intermediate);
  if (widths.short_row > 0) short_input_ = make_inputs(widths.short_row);
  const int64_t narrow = std::max(spec_.embedding_dim, widths.narrow);
  if (narrow > 0) narrow_input_ = make_inputs(narrow);
  if (widths.experts > 0) {
    normed_ = RowBuffer(max_rows, spec_.hidden);
    scores_ = RowBuffer(max_rows, widths.experts);
    shared_gates_ = RowBuffer(max_rows, 1);
    choices_.resize(static_cast<size_t>(max_rows * widths.chosen));
    // Each expert may leave one tile that is not full.
    const int64_t tiles = max_rows * widths.chosen / tile_rows_ + std::min(widths.experts, max_rows * widths.chosen);
    expert_input_ = Tiles(table_, formats, tiles * tile_rows_, spec_.hidden);
    expert_expanded_ = Tiles(table_, formats, tiles * tile_rows_, widths.expert_intermediate);
  }
  const int64_t widest = std::max({spec_.hidden, widths.short_row, widths.gate, spec_.embedding_dim, widths.narrow});
  for (int t = 0; t < pool_.size(); t++) {
    Worker w;
    w.thread = t;
    w.rows = RowBuffer(tile_rows_, widest);
    const bool narrow_last = spec_.embedding_dim > 0;
    w.last = Tiles(table_, narrow_last ? formats_of(weights_.project_out) : last, max_logit_rows, spec_.hidden);
    if (narrow_last) w.last_projected = Tiles(table_, last, max_logit_rows, spec_.embedding_dim);
    w.products = AlignedBuffer<float>(tile_rows_ * kernels::unit_rows);
    w.more_products = AlignedBuffer<float>(tile_rows_ * kernels::unit_rows);
    w.row_factors.resize(static_cast<size_t>(max_rows));
    workers_.push_back(std::move(w));
  }
}

}  // namespace foretell
