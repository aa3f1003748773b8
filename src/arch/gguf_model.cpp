#include "arch/gguf_model.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include "arch/gguf_config.h"
#include "arch/gguf_delta.h"
#include "arch/gguf_names.h"
#include "checkpoint/joined_stack.h"
#include "checkpoint/scaled_tensor.h"
#include "checkpoint/stored_matrix.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace foretell {
namespace {

// Without dimensions of 1, which the converter leaves out.
std::vector<int64_t> squeezed(std::vector<int64_t> shape) {
  std::erase(shape, 1);
  return shape;
}

// Moves a tensor from its GGUF name to the published one.
class Renamer {
 public:
  Renamer(const GgufFile& file, const Family& family, const ModelSpec& spec, const GgufConventions& conventions,
          const std::vector<TensorSpec>& table)
      : file_(file), family_(family), spec_(spec), conventions_(conventions) {
    for (const TensorSpec& tensor : table)
      if (tensor.expert >= 0) slices_[{tensor.role, tensor.layer}] = tensor.expert + 1;
  }

  // What folders may leave out.
  bool lacks(const TensorSpec& tensor) const {
    return is_buffer(tensor.role) && tensor.role != Role::RouterCorrection &&
           (xielu_key(tensor.role) != nullptr ? !file_.metadata.contains(xielu_key(tensor.role))
                                              : !file_.tensors.contains(gguf_name(tensor, conventions_, file_)));
  }

  TensorView take(const TensorSpec& tensor) {
    if (const char* key = xielu_key(tensor.role)) return from_metadata(tensor, key);
    if (tensor.layer >= 0)
      if (const auto* delta = std::get_if<DeltaNet>(&spec_.layers[static_cast<size_t>(tensor.layer)].mixer))
        if (auto view = delta_tensor(tensor, *delta)) return *view;
    const std::string name = gguf_name(tensor, conventions_, file_);
    const auto it = file_.tensors.find(name);
    if (it == file_.tensors.end()) {
      if (auto view = own_expert(tensor)) return *view;
      if (auto view = part_of_fused(tensor)) return *view;
      if (tensor.role == Role::ExpertGateUp) return joined_experts(tensor);
      if (tensor.role == Role::KeyValueUp) return joined_key_value(tensor);
    }
    std::vector<int64_t> expected = tensor.shape;
    // GGUF turns Conv1D's matrices round: [outputs, inputs] as all others.
    if (family_.conv1d && tensor.layer >= 0 && expected.size() == 2) std::swap(expected[0], expected[1]);
    const bool stack = expected.size() == 3 && (tensor.role == Role::ExpertGateUp || tensor.role == Role::ExpertDown);
    if (stack && spec_.storage.experts_transposed) std::swap(expected[1], expected[2]);
    const std::vector<int64_t> own = expected;
    if (tensor.expert >= 0) expected.insert(expected.begin(), slices_.at({tensor.role, tensor.layer}));
    if (it == file_.tensors.end()) throw error("a tensor is missing", name, shape_text(expected), "nothing");
    used_.insert(name);
    if (squeezed(it->second.shape) != squeezed(expected))
      throw error("a tensor has another shape than the metadata says", name, shape_text(expected),
                  shape_text(it->second.shape));
    TensorView view = tensor.expert >= 0 ? it->second.part(tensor.expert, expected.front()) : it->second;
    view.shape = own;
    if (tensor.role == Role::QueryKeyValue && conventions_.ungroups_qkv) regroup(view, tensor.layer);
    if (conventions_.interleaves_rotary && (tensor.role == Role::Query || tensor.role == Role::Key)) {
      const Attention& attention = *attention_of(spec_.layers[static_cast<size_t>(tensor.layer)]);
      view.interleaved_heads = tensor.role == Role::Query ? attention.heads : attention.kv_heads;
    }
    if (is_norm(tensor.role) && tensor.part == Part::Weight && tensor.role != Role::DeltaNorm)
      view.offset = conventions_.norm_offset;
    if (tensor.part == Part::Weight && view.shape.size() >= 2 && !has_scale_of_its_own(tensor))
      apply_scale(name, view, tensor.expert);
    return view;
  }

  std::optional<TensorView> delta_tensor(const TensorSpec& tensor, const DeltaNet& delta) {
    GgufDelta parts(delta, spec_.hidden, conventions_.tiles_values,
                    [&](const std::string& name, const std::vector<int64_t>& shape) -> const TensorView* {
                      if (!shape.empty()) return &need(name, shape);
                      const auto it = file_.tensors.find(name);
                      return it == file_.tensors.end() ? nullptr : &it->second;
                    });
    auto gathered = parts.take(tensor, gguf_name(tensor, conventions_, file_));
    if (!gathered) return std::nullopt;
    if (gathered->storage) storage_.push_back(std::move(gathered->storage));
    return gathered->view;
  }

  // The oldest files have a tensor for each expert.
  std::optional<TensorView> own_expert(const TensorSpec& tensor) {
    static constexpr std::pair<Role, const char*> names[] = {{Role::ExpertGate, "blk.{}.ffn_gate."},
                                                             {Role::ExpertUp, "blk.{}.ffn_up."},
                                                             {Role::ExpertDown, "blk.{}.ffn_down."}};
    for (const auto& [role, stem] : names) {
      if (role != tensor.role || tensor.expert < 0 || tensor.part != Part::Weight) continue;
      const std::string name = numbered(stem, tensor.layer) + std::to_string(tensor.expert) + ".weight";
      if (file_.tensors.contains(name)) return need(name, tensor.shape);
    }
    return std::nullopt;
  }

  // A number of a layer that stands in a list of the metadata.
  TensorView from_metadata(const TensorSpec& tensor, const char* key) {
    const auto list = ConfigReader(file_.metadata, file_.path).numbers(key);
    if (static_cast<int64_t>(list.size()) <= tensor.layer)
      throw error("a list of the metadata is too short", key, "a number for each layer",
                  std::to_string(list.size()) + " numbers");
    return in_memory({static_cast<float>(list[static_cast<size_t>(tensor.layer)])}, tensor.shape);
  }

  // Older files have query, key and value in one: rows of it, where all is there.
  std::optional<TensorView> part_of_fused(const TensorSpec& tensor) {
    if (tensor.layer < 0) return std::nullopt;
    const Attention* a = std::get_if<Attention>(&spec_.layers[static_cast<size_t>(tensor.layer)].mixer);
    if (a == nullptr || conventions_.interleaves_rotary) return std::nullopt;
    const int64_t query = a->heads * a->head_dim, key = a->kv_heads * a->head_dim;
    int64_t first = 0;
    if (tensor.role == Role::Key) first = query;
    if (tensor.role == Role::Value) first = query + key;
    if (tensor.role != Role::Query && first == 0) return std::nullopt;
    const std::string name =
        numbered("blk.{}.attn_qkv", tensor.layer) + (tensor.part == Part::Bias ? ".bias" : ".weight");
    const auto fused = file_.tensors.find(name);
    if (fused == file_.tensors.end()) return std::nullopt;
    std::vector<int64_t> expected = tensor.shape;
    expected.front() = query + key + a->kv_heads * a->value_head_dim;
    if (fused->second.shape != expected)
      throw error("a tensor has another shape than the metadata says", name, shape_text(expected),
                  shape_text(fused->second.shape));
    used_.insert(name);
    TensorView view = fused->second;
    const size_t row = view.bytes.size() / static_cast<size_t>(expected.front());
    view.bytes = view.bytes.subspan(static_cast<size_t>(first) * row, static_cast<size_t>(tensor.shape.front()) * row);
    view.shape = tensor.shape;
    return view;
  }

  // A tensor of the file with this shape.
  const TensorView& need(const std::string& name, const std::vector<int64_t>& expected) {
    const auto it = file_.tensors.find(name);
    if (it == file_.tensors.end() || it->second.shape != expected)
      throw error(
          it == file_.tensors.end() ? "a tensor is missing" : "a tensor has another shape than the metadata says", name,
          shape_text(expected), it == file_.tensors.end() ? "nothing" : shape_text(it->second.shape));
    used_.insert(name);
    return it->second;
  }

  // A tensor of floats in memory.
  TensorView in_memory(const std::vector<float>& values, std::vector<int64_t> shape) {
    const auto bytes = std::as_bytes(std::span(values));
    const auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
    storage_.push_back(copy);
    return {.dtype = DType::F32, .shape = std::move(shape), .bytes = *copy, .file = file_.path};
  }

  // Gates and ups of experts are stacks of their own.
  TensorView joined_experts(const TensorSpec& tensor) {
    const bool bias = tensor.part == Part::Bias, interleaved = spec_.storage.gate_up_interleaved;
    const std::string part = bias ? ".bias" : ".weight";
    std::vector<int64_t> whole = tensor.shape;
    if (!bias && spec_.storage.experts_transposed) std::swap(whole[1], whole[2]);
    std::vector<int64_t> half = whole;
    half[1] /= 2;
    const std::string name = numbered("blk.{}.ffn_gate_exps", tensor.layer) + part;
    const TensorView& gate = need(name, half);
    const TensorView& up = need(numbered("blk.{}.ffn_up_exps", tensor.layer) + part, half);
    if (!bias) {
      TensorView view = gate;
      view.shape = whole;
      view.quantized = joined_stack(gate, up, interleaved, name);
      return view;
    }
    std::vector<float> gates(static_cast<size_t>(gate.elements())), ups(gates.size()), values(2 * gates.size());
    read_floats(gate, 0, gate.elements(), gates.data());
    read_floats(up, 0, up.elements(), ups.data());
    const auto n = static_cast<size_t>(half[1]);
    for (size_t i = 0; i < gates.size(); i++) {
      const size_t first = i / n * 2 * n, own = i % n;
      values[first + (interleaved ? 2 * own : own)] = gates[i];
      values[first + (interleaved ? 2 * own + 1 : n + own)] = ups[i];
    }
    return in_memory(values, whole);
  }

  // Keys and values of latent attention are stacks of a matrix for each head, the keys' turned round.
  TensorView joined_key_value(const TensorSpec& tensor) {
    const auto& latent = std::get<LatentAttention>(spec_.layers[static_cast<size_t>(tensor.layer)].mixer);
    const int64_t heads = latent.attention.heads, keys = latent.plain_dims, values = latent.attention.value_head_dim;
    const int64_t rank = latent.kv_rank;
    const std::string key_name = numbered("blk.{}.attn_k_b.weight", tensor.layer);
    const std::string value_name = numbered("blk.{}.attn_v_b.weight", tensor.layer);
    const StoredMatrix key = StoredMatrix::of(need(key_name, {heads, rank, keys}), key_name);
    const StoredMatrix value = StoredMatrix::of(need(value_name, {heads, values, rank}), value_name);
    std::vector<float> all(static_cast<size_t>(heads * (keys + values) * rank)), row(static_cast<size_t>(keys));
    for (int64_t h = 0; h < heads; h++) {
      float* out = all.data() + h * (keys + values) * rank;
      for (int64_t r = 0; r < rank; r++) {
        key.read_row(h * rank + r, row.data());
        for (int64_t k = 0; k < keys; k++) out[k * rank + r] = row[static_cast<size_t>(k)];
      }
      for (int64_t v = 0; v < values; v++) value.read_row(h * values + v, out + (keys + v) * rank);
    }
    return in_memory(all, tensor.shape);
  }

  // Puts all queries, all keys, all values back into the published order: for each key-value head its queries, its
  // key, its value. Rows are whole blocks of any type, so their bytes are copied.
  void regroup(TensorView& view, int64_t layer) {
    const Attention& a = std::get<Attention>(spec_.layers[static_cast<size_t>(layer)].mixer);
    if (a.kv_heads == 1) return;
    const auto heads = static_cast<size_t>(a.heads), groups = static_cast<size_t>(a.kv_heads), each = heads / groups;
    const size_t head = view.bytes.size() / (heads + 2 * groups);  // bytes; keys are as long as values
    const auto copy = std::make_shared<std::vector<std::byte>>();
    copy->reserve(view.bytes.size());
    const auto add = [&](size_t first, size_t count) {
      const auto rows = view.bytes.subspan(first * head, count * head);
      copy->insert(copy->end(), rows.begin(), rows.end());
    };
    for (size_t g = 0; g < groups; g++) {
      add(g * each, each);
      add(heads + g, 1);
      add(heads + groups + g, 1);
    }
    view.bytes = *copy;
    view.mapped = false;
    storage_.push_back(copy);
  }

  // X.scale beside these is a tensor of the model.
  bool has_scale_of_its_own(const TensorSpec& tensor) const {
    if (tensor.role != Role::Router && tensor.role != Role::ExpertDown) return false;
    const auto* experts = std::get_if<Experts>(&spec_.layers[static_cast<size_t>(tensor.layer)].mlp);
    return experts != nullptr && experts->expert_scales;
  }

  // NVFP4 matrices have a number beside them that their values are to be multiplied by (llama.cpp's PR 19769), and one
  // for kernels that round activations to 4 bits, which are none of ours.
  void apply_scale(const std::string& name, TensorView& view, int64_t expert) {
    const std::string stem = name.substr(0, name.rfind('.'));
    used_.insert(stem + ".input_scale");
    const auto scale = file_.tensors.find(stem + ".scale");
    if (scale == file_.tensors.end()) return;
    used_.insert(scale->first);
    const bool own = expert >= 0 && scale->second.elements() == slices_of(name);
    view.quantized = scaled_tensor(view, own ? scale->second.part(expert, slices_of(name)) : scale->second, name);
    view.interleaved_heads = 0;  // undone inside
  }

  // What nobody has asked for would be left out silently.
  void refuse_leftovers() const {
    for (const auto& [name, view] : file_.tensors) {
      const bool known = name == "rope_freqs.weight" || name == "output.weight" ||  // read with the metadata
                         name.starts_with("rope_factors_") || of_unused_block(name) ||
                         name.ends_with(".attn_rot_embd.weight");  // frequencies that follow from the metadata
      if (!known && !used_.contains(name))
        throw error("a tensor that the architecture does not have", name,
                    "the tensors of " + std::string(conventions_.architecture), shape_text(view.shape));
    }
  }

  // What is in memory only.
  std::vector<std::shared_ptr<const void>> take_storage() { return std::move(storage_); }

 private:
  // Blocks that predict further tokens, and the keys and values of layers that read those of others.
  bool of_unused_block(std::string_view name) const {
    if (!name.starts_with("blk.")) return false;
    const size_t end = name.find('.', 4);
    size_t layer = 0;
    const auto [after, error] = std::from_chars(name.data() + 4, name.data() + std::min(end, name.size()), layer);
    if (error != std::errc() || end == std::string_view::npos || after != name.data() + end) return false;
    if (layer >= spec_.layers.size()) return true;
    const Attention* attention = attention_of(spec_.layers[layer]);
    return attention != nullptr && attention->kv_layer >= 0 &&
           (name.substr(end).starts_with(".attn_k") || name.substr(end).starts_with(".attn_v."));
  }

  int64_t slices_of(const std::string& name) const { return file_.tensors.at(name).shape.front(); }

  Error error(std::string what, const std::string& name, std::string expected, std::string found) const {
    return Error({.what = std::move(what),
                  .file = file_.path.string(),
                  .where = name,
                  .expected = std::move(expected),
                  .found = std::move(found)});
  }

  const GgufFile& file_;
  const Family& family_;
  const ModelSpec& spec_;
  const GgufConventions& conventions_;
  std::map<std::pair<Role, int64_t>, int64_t> slices_;  // that a tensor of a layer is published in
  std::set<std::string, std::less<>> used_;
  std::vector<std::shared_ptr<const void>> storage_;
};

}  // namespace

bool is_gguf(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  if (path.extension() == ".gguf") return true;
  std::ifstream stream(path, std::ios::binary);
  char magic[4] = {};
  return stream.read(magic, sizeof magic) && std::string_view(magic, sizeof magic) == "GGUF";
}

namespace {

Checkpoint open_parts(const std::filesystem::path& path, const OpenOptions& options) {
  const GgufFile file = read_gguf(path);
  const GgufConventions& conventions = gguf_conventions(file);
  GgufTokenizer tokenizer = translate_tokenizer(file.metadata, path, options.tokenizer);
  Checkpoint checkpoint;
  checkpoint.path = path;
  checkpoint.format = "gguf";
  checkpoint.config = translate_config(file, conventions, tokenizer);
  checkpoint.generation_config = translate_generation_config(file, tokenizer);
  checkpoint.tokenizer_json = std::move(tokenizer.tokenizer_json);
  checkpoint.tokenizer_config_json = std::move(tokenizer.tokenizer_config_json);
  checkpoint.chat_template = std::move(tokenizer.chat_template);
  checkpoint.named_chat_templates = std::move(tokenizer.named_chat_templates);
  if (!options.tensors) return checkpoint;

  const ConfigReader config(checkpoint.config, path);
  const Family& family = find_family(config);
  const ModelSpec spec = family.describe(config);
  const auto table = tensor_table(family, spec);
  Renamer renamer(file, family, spec, conventions, table);
  for (const TensorSpec& tensor : table)
    if (!renamer.lacks(tensor)) checkpoint.tensors.emplace(tensor.name, renamer.take(tensor));
  renamer.refuse_leftovers();
  checkpoint.storage = renamer.take_storage();
  checkpoint.storage.push_back(file.storage);
  return checkpoint;
}

}  // namespace

Checkpoint open_gguf(const std::filesystem::path& path, const OpenOptions& options) {
  Checkpoint checkpoint = open_parts(path, options);
#ifdef __GLIBC__
  malloc_trim(0);  // the metadata were many small things, whose memory would stay with the process
#endif
  return checkpoint;
}

}  // namespace foretell
