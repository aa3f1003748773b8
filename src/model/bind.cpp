#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <string>

#include "arch/open_model.h"
#include "foretell/error.h"
#include "model/weights.h"

namespace foretell {
namespace {

constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

std::string text_of(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t n : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  return text + "]";
}

// The tensors of one layer (or, with layer -1, of no layer) by their roles, found in the checkpoint and checked.
class Finder {
 public:
  Finder(const Family& family, const ModelSpec& spec, const Checkpoint& checkpoint)
      : family_(family), checkpoint_(checkpoint) {
    for (TensorSpec& tensor : tensor_table(family, spec)) {
      const auto key = std::tuple(tensor.layer, tensor.role, tensor.part);
      tensors_.emplace(key, std::move(tensor));
    }
  }

  bool has(int64_t layer, Role role, Part part) const { return tensors_.contains(std::tuple(layer, role, part)); }

  MatrixSource matrix(int64_t layer, Role role) const {
    const TensorSpec& spec = tensors_.at(std::tuple(layer, role, Part::Weight));
    MatrixSource source;
    source.stored = StoredMatrix::find(checkpoint_, stored_name(family_, checkpoint_, spec.name));
    // Conv1D's [inputs, outputs] is the layout of float tensors in published folders; groups and GGUF have outputs
    // first.
    source.transposed = family_.conv1d && layer >= 0 && source.stored.layout() == StoredMatrix::Layout::Float &&
                        checkpoint_.format != "gguf";
    std::vector<int64_t> expected = spec.shape;
    if (family_.conv1d && layer >= 0 && !source.transposed) std::swap(expected[0], expected[1]);
    check(source.stored.tensor().file, source.stored.name(), expected, {source.stored.rows(), source.stored.cols()});
    source.rows = expected[source.transposed ? 1 : 0];
    source.cols = expected[source.transposed ? 0 : 1];
    return source;
  }

  int64_t size(int64_t layer, Role role) const {
    return tensors_.at(std::tuple(layer, role, Part::Weight)).shape.front();
  }

  // Elements [first, first + count) of a vector, padded; all of it where count is -1.
  Vector vector(int64_t layer, Role role, Part part, int64_t first = 0, int64_t count = -1) const {
    const TensorSpec& spec = tensors_.at(std::tuple(layer, role, part));
    const TensorView& view = checkpoint_.at(stored_name(family_, checkpoint_, spec.name));
    check(view.file, spec.name, spec.shape, view.shape);
    if (count < 0) count = view.elements();
    Vector values(round_up(count, kernels::unit_rows));
    read_floats(view, first, first + count, values.data());
    return values;
  }

  // A float matrix as rows of floats, each padded like a vector.
  Vector table(int64_t layer, Role role, int64_t rows, int64_t cols) const {
    const MatrixSource source = matrix(layer, role);
    const int64_t stride = round_up(cols, kernels::unit_rows);
    Vector values(rows * stride);
    for (int64_t r = 0; r < rows; r++) source.stored.read_row(r, values.data() + r * stride);
    return values;
  }

 private:
  void check(const std::filesystem::path& file, const std::string& name, const std::vector<int64_t>& expected,
             const std::vector<int64_t>& found) const {
    if (expected == found) return;
    throw Error({.what = "a tensor has another shape than config.json says",
                 .file = file.string(),
                 .where = name,
                 .expected = text_of(expected),
                 .found = text_of(found)});
  }

  const Family& family_;
  const Checkpoint& checkpoint_;
  std::map<std::tuple<int64_t, Role, Part>, TensorSpec> tensors_;
};

// Matrices to pack, with their places in the arena.
class PackingPlan {
 public:
  PackingPlan(int quantize_bits, Precision precision) : quantize_bits_(quantize_bits), precision_(precision) {}

  void begin_layer() { steps_.emplace_back(); }
  // `matrices` stand one after the other in the arena or, with `in_turn`, unit by unit in turn.
  void add(std::vector<std::pair<MatrixSource, PackedMatrix*>> matrices, bool in_turn = false) {
    int64_t turn_bytes = 0;
    for (auto& [source, target] : matrices) {
      *target = plan_packing(source, quantize_bits_, precision_);
      turn_bytes += target->stride;
      // Only matrices of one shape and format can take turns.
      in_turn = in_turn && target->bytes() == matrices.front().second->bytes();
    }
    int64_t offset = bytes_;
    for (auto& [source, target] : matrices) {
      steps_.back().push_back({source, target, offset});
      offset += in_turn ? target->stride : target->bytes();
      bytes_ += target->bytes();
    }
    if (in_turn)
      for (auto& [source, target] : matrices) target->stride = turn_bytes;
  }

  AlignedBytes pack(ThreadPool& pool, const std::function<void(double)>& progress) {
    AlignedBytes arena(static_cast<size_t>(bytes_));
    for (size_t s = 0; s < steps_.size(); s++) {
      pack_step(steps_[s], arena, pool);
      for (const Job& job : steps_[s]) job.source.stored.release();
      if (progress) progress(static_cast<double>(s + 1) / static_cast<double>(steps_.size()));
    }
    return arena;
  }

 private:
  struct Job {
    MatrixSource source;
    PackedMatrix* target;
    int64_t offset;
  };
  static void pack_step(const std::vector<Job>& jobs, const AlignedBytes& arena, ThreadPool& pool) {
    std::atomic<int64_t> next{0};
    for (const Job& job : jobs) job.target->data = arena.data() + job.offset;
    pool.run([&](int) {
      constexpr int64_t batch = 4;  // units taken at once
      for (;;) {
        int64_t unit = next.fetch_add(batch);
        const Job* job = nullptr;
        for (const Job& candidate : jobs) {
          const int64_t padded = round_up(candidate.target->units(), batch);
          if (unit < padded) {
            job = &candidate;
            break;
          }
          unit -= padded;
        }
        if (job == nullptr) return;
        const PackedMatrix& m = *job->target;
        try {
          for (int64_t u = unit; u < std::min(unit + batch, m.units()); u++)
            pack_unit(job->source, m, u, const_cast<std::byte*>(m.unit(u)));
        } catch (const Error& error) {
          throw error.with({.file = job->source.stored.tensor().file.string(), .where = job->source.stored.name()});
        }
      }
    });
  }

  int quantize_bits_;
  Precision precision_;
  std::vector<std::vector<Job>> steps_;
  int64_t bytes_ = 0;
};

Norm bind_norm(const Finder& find, int64_t layer, Role role, const std::optional<NormSpec>& spec) {
  Norm norm;
  if (!spec) return norm;
  norm.weight = find.vector(layer, role, Part::Weight);
  norm.bias = find.has(layer, role, Part::Bias) ? find.vector(layer, role, Part::Bias) : Vector(norm.weight.size());
  if (spec->weight_plus_one) {
    for (int64_t i = 0; i < find.size(layer, role); i++) norm.weight[i] += 1;
  }
  return norm;
}

Vector bind_bias(const Finder& find, int64_t layer, Role role, int64_t first = 0, int64_t count = -1) {
  return find.has(layer, role, Part::Bias) ? find.vector(layer, role, Part::Bias, first, count) : Vector();
}

// Query, key and value, stored apart or as one matrix of all rows.
void bind_attention(const Finder& find, int64_t layer, const Attention& a, PackingPlan& plan, LayerWeights& w) {
  const std::array<Linear*, 3> targets = {&w.query, &w.key, &w.value};
  const std::array<Role, 3> roles = {Role::Query, Role::Key, Role::Value};
  const std::array<int64_t, 3> rows = {a.heads * a.head_dim, a.kv_heads * a.head_dim, a.kv_heads * a.value_head_dim};
  std::vector<std::pair<MatrixSource, PackedMatrix*>> matrices;
  int64_t first = 0;
  for (size_t i = 0; i < 3; i++) {
    const bool fused = find.has(layer, Role::QueryKeyValue, Part::Weight);
    MatrixSource source = find.matrix(layer, fused ? Role::QueryKeyValue : roles[i]);
    if (fused) {
      source.first = first;
      source.rows = rows[i];
      targets[i]->bias = bind_bias(find, layer, Role::QueryKeyValue, first, rows[i]);
    } else {
      targets[i]->bias = bind_bias(find, layer, roles[i]);
    }
    first += rows[i];
    matrices.emplace_back(source, &targets[i]->weight);
  }
  plan.add(matrices);
  if (a.qk_norm != Attention::QkNorm::None) {
    w.query_norm = bind_norm(find, layer, Role::QueryNorm, a.qk_norm_spec);
    w.key_norm = bind_norm(find, layer, Role::KeyNorm, a.qk_norm_spec);
  }
  plan.add({{find.matrix(layer, Role::Output), &w.output.weight}});
  w.output.bias = bind_bias(find, layer, Role::Output);
}

void bind_mlp(const Finder& find, int64_t layer, const Dense& mlp, PackingPlan& plan, LayerWeights& w) {
  std::vector<std::pair<MatrixSource, PackedMatrix*>> matrices;
  if (mlp.gated) {
    matrices.emplace_back(find.matrix(layer, Role::Gate), &w.gate.weight);
    w.gate.bias = bind_bias(find, layer, Role::Gate);
  }
  matrices.emplace_back(find.matrix(layer, Role::Up), &w.up.weight);
  w.up.bias = bind_bias(find, layer, Role::Up);
  plan.add(matrices, mlp.gated);
  plan.add({{find.matrix(layer, Role::Down), &w.down.weight}});
  w.down.bias = bind_bias(find, layer, Role::Down);
}

void bind_layer(const Finder& find, int64_t layer, const LayerSpec& spec, PackingPlan& plan, LayerWeights& w) {
  plan.begin_layer();
  w.attn_in = bind_norm(find, layer, Role::AttentionNorm, spec.attn_in);
  bind_attention(find, layer, std::get<Attention>(spec.mixer), plan, w);
  w.mlp_in = bind_norm(find, layer, Role::MlpNorm, spec.mlp_in);
  bind_mlp(find, layer, std::get<Dense>(spec.mlp), plan, w);
}

void bind_ends(const Finder& find, const ModelSpec& spec, PackingPlan& plan, Weights& weights) {
  const MatrixSource embedding = find.matrix(-1, Role::Embedding);
  weights.tied = spec.tied_embeddings;
  weights.embedding = embedding.stored;
  if (spec.positions) {
    const int64_t count = spec.positions->count + spec.positions->offset;
    weights.positions = find.table(-1, Role::Positions, count, spec.hidden);
  }
  weights.final_norm = bind_norm(find, -1, Role::FinalNorm, spec.final_norm);
  plan.begin_layer();
  plan.add({{spec.tied_embeddings ? embedding : find.matrix(-1, Role::Unembedding), &weights.unembedding.weight}});
  weights.unembedding.bias = bind_bias(find, -1, Role::Unembedding);
}

}  // namespace

Weights bind(const Family& family, const ModelSpec& spec, std::shared_ptr<const Checkpoint> checkpoint,
             ThreadPool& pool, const BindOptions& options) {
  Weights weights;
  const Finder find(family, spec, *checkpoint);
  PackingPlan plan(options.quantize_bits, options.precision);
  weights.layers.resize(spec.layers.size());
  for (size_t i = 0; i < spec.layers.size(); i++)
    bind_layer(find, static_cast<int64_t>(i), spec.layers[i], plan, weights.layers[i]);
  bind_ends(find, spec, plan, weights);
  weights.arena = plan.pack(pool, options.progress);
  for (const LayerWeights& layer : weights.layers) weights.quantized |= kernels::is_affine(layer.output.weight.format);
  weights.checkpoint = std::move(checkpoint);
  return weights;
}

}  // namespace foretell
