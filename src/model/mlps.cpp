// What each token does alone: one MLP, or those of a mixture of experts that its router chooses.
#include <algorithm>
#include <cstring>

#include "base/exact_math.h"
#include "model/forward.h"

namespace foretell {
namespace {

using kernels::unit_rows;

kernels::Function kernel_function(Activation activation) {
  switch (activation) {
    case Activation::Silu:
      return kernels::Function::Silu;
    case Activation::Gelu:
      return kernels::Function::Gelu;
    case Activation::GeluTanh:
      return kernels::Function::GeluTanh;
    case Activation::QuickGelu:
      return kernels::Function::QuickGelu;
    case Activation::Relu:
      return kernels::Function::Relu;
    case Activation::ReluSquared:
      return kernels::Function::ReluSquared;
    case Activation::Tanh:
      return kernels::Function::Tanh;
    case Activation::Sigmoid:
      return kernels::Function::Sigmoid;
    case Activation::XIelu:  // computed apart
    case Activation::Identity:
      return kernels::Function::Identity;
  }
  return kernels::Function::Identity;
}

// Huang and Schlag, arXiv:2411.13010: a parabola above zero, a falling exponential below.
float xielu(const MlpWeights::XIelu& p, float x) {
  if (x > 0) return p.alpha_p * x * x + p.beta * x;
  const auto exponential = static_cast<float>(exact_exp(std::min(x, p.eps)) - 1);
  return (exponential - x) * p.alpha_n + p.beta * x;
}

}  // namespace

void Forward::think(size_t index, const Tiles& input, Worker& me) {
  const LayerWeights& w = weights_.layers[index];
  const LayerSpec& spec = spec_.layers[index];
  const auto* experts = std::get_if<Experts>(&spec.mlp);
  if (experts == nullptr) return dense(index, std::get<Dense>(spec.mlp), w.mlp, input, me);
  if (experts->branches) return think_in_branches(index, *experts, input, me);
  route(*experts, w.experts, input, me);
  if (experts->shared) {
    expand(*experts->shared, w.mlp, input, rows_, expanded_, me);
    pool_.barrier();
    observe({Point::Expanded, static_cast<int64_t>(index)}, expanded_, 0, rows_, experts->shared->intermediate, me);
    const float* gates = nullptr;
    if (experts->shared_gate) {
      for (int64_t r = 0; r < rows_; r++) me.row_factors[static_cast<size_t>(r)] = *shared_gates_.row(r);
      gates = me.row_factors.data();
    }
    add_projection(w.mlp.down, expanded_, me, Sharing::Fixed, gates);
  }
  run_experts(index, *experts, w.experts, me);
}

// block = norm(shared MLP) + norm(experts); both are there, and the layer norms their sum (mlp_out).
void Forward::think_in_branches(size_t index, const Experts& spec, const Tiles& input, Worker& me) {
  const MlpWeights& shared = weights_.layers[index].mlp;
  const ExpertsWeights& w = weights_.layers[index].experts;
  const Experts::Branches& branches = *spec.branches;
  dense(index, *spec.shared, shared, input, me);
  const Tiles& routed = inputs(attention_input_, hidden_, spec_.hidden, {&branches.router_in, &w.router_in}, me);
  inputs(mlp_input_, hidden_, spec_.hidden, {&branches.expert_in, &w.expert_in}, me, &normed_);
  begin_sum(branch_, me);
  route(spec, w, routed, me);
  run_experts(index, spec, w, me);
  pool_.barrier();
  const Range mine = tile_share(rows_, me.thread);
  for (int64_t r = mine.begin; r < mine.end; r++) {
    float *sum = block_.row(r), *other = branch_.row(r);
    norm_rows({&branches.shared_out, &w.shared_out}, sum, 0, spec_.hidden, 1, sum, 0);
    norm_rows({&branches.expert_out, &w.expert_out}, other, 0, spec_.hidden, 1, other, 0);
    for (int64_t i = 0; i < spec_.hidden; i++) sum[i] += other[i];
  }
}

void Forward::dense(size_t index, const Dense& spec, const MlpWeights& weights, const Tiles& input, Worker& me) {
  expand(spec, weights, input, rows_, expanded_, me);
  pool_.barrier();
  observe({Point::Expanded, static_cast<int64_t>(index)}, expanded_, 0, rows_, spec.intermediate, me);
  add_projection(weights.down, expanded_, me, Sharing::Free);
}

// gate = activation(gate) * up, [count]; `up` may be null
void Forward::activate(const Dense& spec, const MlpWeights& weights, float* gate, float* up, int64_t count) const {
  if (spec.activation == Activation::XIelu) {
    for (int64_t i = 0; i < count; i++) gate[i] = xielu(weights.xielu, gate[i]) * (up == nullptr ? 1.0f : up[i]);
    return;
  }
  if (spec.limit > 0) {  // silu(alpha * gate) / alpha * (up + 1), both within limits
    for (int64_t i = 0; i < count; i++) {
      gate[i] = std::min(gate[i], spec.limit) * spec.alpha;
      up[i] = (std::clamp(up[i], -spec.limit, spec.limit) + 1) / spec.alpha;
    }
  }
  table_.activate(kernel_function(spec.activation), gate, up, count, gate);
}

// expanded = activation(gate(input)) * up(input), or activation(up(input)) where there is no gate
void Forward::expand(const Dense& spec, const MlpWeights& weights, const Tiles& input, int64_t rows, Tiles& expanded,
                     Worker& me) {
  share_units(weights.up.weight.units(), rows, me, Sharing::Free, [&](int64_t unit, int64_t first, int count) {
    expand_unit(spec, weights, input, unit, first, count, expanded, me);
  });
}

// The same for 32 outputs and one tile of rows.
void Forward::expand_unit(const Dense& spec, const MlpWeights& weights, const Tiles& input, int64_t unit, int64_t first,
                          int count, Tiles& expanded, Worker& me) const {
  float *up = me.products.data(), *gate = spec.gated ? me.more_products.data() : up;
  // The gate's unit first: so the two stand in memory, and the hardware fetches ahead of what is read in order.
  if (spec.gated) product(weights.gate, unit, input, first, count, gate);
  product(weights.up, unit, input, first, count, up);
  activate(spec, weights, gate, spec.gated ? up : nullptr, count * unit_rows);
  const int64_t begin = unit * unit_rows;
  expanded.write(first, count, gate, unit_rows, begin, std::min<int64_t>(unit_rows, spec.intermediate - begin));
}

// Each token's experts, and the tiles of tokens that go through one expert together.
void Forward::route(const Experts& spec, const ExpertsWeights& weights, const Tiles& input, Worker& me) {
  project(weights.router, input, scores_, me);
  if (spec.shared_gate) project(weights.shared_gate, input, shared_gates_, me);
  pool_.barrier();
  const Range mine = tile_share(rows_, me.thread);
  for (int64_t r = mine.begin; r < mine.end; r++) {
    const float* correction = spec.correction ? weights.correction.data() : nullptr;
    const float* scales = spec.expert_scales ? weights.scales.data() : nullptr;
    choose_experts(spec, scores_.row(r), correction, scales, choices_.data() + r * spec.chosen, me.router);
    if (spec.shared_gate)
      table_.activate(kernels::Function::Sigmoid, shared_gates_.row(r), nullptr, 16, shared_gates_.row(r));
  }
  pool_.barrier();
  if (me.thread == 0) tile_experts(spec);
  pool_.barrier();
  write_expert_inputs(spec, me);
  pool_.barrier();
}

void Forward::tile_experts(const Experts& spec) {
  expert_tile_count_ = 0;
  const auto next_tile = [&](int64_t expert) -> ExpertTile& {
    if (expert_tile_count_ == expert_tiles_.size())
      expert_tiles_.emplace_back().rows.reserve(static_cast<size_t>(tile_rows_));
    ExpertTile& tile = expert_tiles_[expert_tile_count_];
    tile.expert = expert;
    tile.first_row = static_cast<int64_t>(expert_tile_count_) * tile_rows_;
    tile.rows.clear();
    expert_tile_count_++;
    return tile;
  };
  while (of_expert_.size() < static_cast<size_t>(spec.count))
    of_expert_.emplace_back().reserve(static_cast<size_t>(tile_rows_));
  for (auto& rows : of_expert_) rows.clear();
  for (int64_t i = 0; i < rows_ * spec.chosen; i++) {
    const Choice& choice = choices_[static_cast<size_t>(i)];
    of_expert_[static_cast<size_t>(choice.expert)].emplace_back(i / spec.chosen, choice.weight);
  }
  for (int64_t e = 0; e < spec.count; e++) {
    const auto& rows = of_expert_[static_cast<size_t>(e)];
    for (size_t first = 0; first < rows.size(); first += static_cast<size_t>(tile_rows_)) {
      ExpertTile& tile = next_tile(e);
      const size_t last = std::min(rows.size(), first + static_cast<size_t>(tile_rows_));
      tile.rows.assign(rows.begin() + static_cast<ptrdiff_t>(first), rows.begin() + static_cast<ptrdiff_t>(last));
    }
  }
}

void Forward::write_expert_inputs(const Experts& spec, Worker& me) {
  const Range mine = share(static_cast<int64_t>(expert_tile_count_), me.thread, pool_.size());
  for (int64_t t = mine.begin; t < mine.end; t++) {
    const ExpertTile& tile = expert_tiles_[static_cast<size_t>(t)];
    for (size_t r = 0; r < tile.rows.size(); r++) {
      float* to = me.rows.row(static_cast<int64_t>(r));
      std::memcpy(to, normed_.row(tile.rows[r].first), static_cast<size_t>(normed_.stride) * 4);
      if (spec.scales_inputs)
        for (int64_t i = 0; i < spec_.hidden; i++) to[i] *= tile.rows[r].second;
    }
    expert_input_.write(tile.first_row, static_cast<int>(tile.rows.size()), me.rows.row(0), me.rows.stride, 0,
                        spec_.hidden);
  }
}

// The experts in order, each on its tiles; a token's sum is taken in the order of its experts' numbers.
void Forward::run_experts(size_t index, const Experts& spec, const ExpertsWeights& weights, Worker& me) {
  for (size_t t = 0; t < expert_tile_count_; t++) {
    const ExpertTile& tile = expert_tiles_[t];
    const MlpWeights& expert = weights.experts[static_cast<size_t>(tile.expert)];
    const int count = static_cast<int>(tile.rows.size());
    const Site site{Point::ExpertInput, static_cast<int64_t>(index), tile.expert};
    observe(site, expert_input_, tile.first_row, count, spec_.hidden, me);
    const Range mine = share(expert.up.weight.units(), me.thread, pool_.size());
    for (int64_t unit = mine.begin; unit < mine.end; unit++)
      expand_unit(spec.expert, expert, expert_input_, unit, tile.first_row, count, expert_expanded_, me);
  }
  pool_.barrier();
  for (size_t t = 0; t < expert_tile_count_; t++) {
    const ExpertTile& tile = expert_tiles_[t];
    const Linear& down = weights.experts[static_cast<size_t>(tile.expert)].down;
    const Site site{Point::ExpertExpanded, static_cast<int64_t>(index), tile.expert};
    observe(site, expert_expanded_, tile.first_row, static_cast<int64_t>(tile.rows.size()), down.weight.cols, me);
    const Range mine = share(down.weight.units(), me.thread, pool_.size());
    for (int64_t unit = mine.begin; unit < mine.end; unit++) {
      product(down, unit, expert_expanded_, tile.first_row, static_cast<int>(tile.rows.size()), me.products.data());
      for (size_t r = 0; r < tile.rows.size(); r++) {
        float* x = me.sum->row(tile.rows[r].first) + unit * unit_rows;
        const float* y = me.products.data() + r * unit_rows;
        const float factor = me.sum_scale * (spec.scales_inputs ? 1.0f : tile.rows[r].second);
        for (int o = 0; o < unit_rows; o++) x[o] += factor * y[o];
      }
    }
  }
}

// x += norm(out(activation(gate(x)) * input of this layer))
void Forward::mix_in_layer_input(size_t index, Worker& me) {
  const PerLayerInput& spec = *spec_.layers[index].per_layer_input;
  const LayerWeights& w = weights_.layers[index];
  const Tiles& stream = inputs(attention_input_, hidden_, spec_.hidden, {}, me);
  observe({Point::LayerEnd, static_cast<int64_t>(index)}, stream, 0, rows_, spec_.hidden, me);
  project(w.per_layer_gate, stream, narrow_, me);
  pool_.barrier();
  const Range mine = tile_share(rows_, me.thread);
  for (int64_t r = mine.begin; r < mine.end; r++) {
    const float* own = layer_inputs_.row(r) + static_cast<int64_t>(index) * spec.dims;
    float* x = narrow_.row(r);
    table_.activate(kernel_function(spec.activation), x, nullptr, narrow_.stride, x);
    for (int64_t i = 0; i < spec.dims; i++) x[i] *= own[i];
  }
  if (rows_ == 1) pool_.barrier();  // every thread then reads the row
  begin_sum(spec_.layers[index], true, me);
  const Tiles& own_input = inputs(narrow_input_, narrow_, spec.dims, {}, me);
  observe({Point::LayerOwn, static_cast<int64_t>(index)}, own_input, 0, rows_, spec.dims, me);
  add_projection(w.per_layer_out, own_input, me, Sharing::Fixed);
  end_sum(Block::LayerInput, index, {&spec.norm, &w.per_layer_norm}, {}, me);
}

}  // namespace foretell
