#include "arch/apply_adapter.h"

#include <algorithm>
#include <memory>

#include "arch/open_model.h"
#include "checkpoint/stored_matrix.h"
#include "foretell/error.h"

namespace foretell {
namespace {

// The update of a matrix that is stored [inputs, outputs].
LowRankUpdate turned(const LowRankUpdate& u) {
  LowRankUpdate t{.rank = u.rank, .rows = u.cols, .cols = u.rows, .left = {}, .right = {}, .magnitudes = {}};
  t.left.resize(u.right.size());
  t.right.resize(u.left.size());
  for (int64_t k = 0; k < u.rank; k++) {
    for (int64_t c = 0; c < u.cols; c++)
      t.left[static_cast<size_t>(c * u.rank + k)] = u.right[static_cast<size_t>(k * u.cols + c)];
    for (int64_t r = 0; r < u.rows; r++)
      t.right[static_cast<size_t>(k * u.rows + r)] = u.left[static_cast<size_t>(r * u.rank + k)];
  }
  return t;
}

class Applier {
 public:
  Applier(Checkpoint& checkpoint, const Family& family, ModelSpec& spec, const Adapter& adapter)
      : checkpoint_(checkpoint), family_(family), spec_(spec), adapter_(adapter), table_(tensor_table(family, spec)) {}

  void update(const Adapter::Update& update) {
    const TensorSpec& tensor = find(update.module + ".weight");
    const bool stored_turned = family_.conv1d && tensor.layer >= 0 && checkpoint_.format != "gguf";
    if (stored_turned && !update.update.magnitudes.empty())
      throw error("magnitudes are known for matrices [outputs, inputs] only", update.module, "no DoRA", "DoRA");
    const std::string name = stored_name(family_, checkpoint_, tensor.name);
    const StoredMatrix matrix = StoredMatrix::find(checkpoint_, name);
    auto own = std::make_shared<LowRankUpdate>(stored_turned ? turned(update.update) : update.update);
    if (own->rows != matrix.rows() || own->cols != matrix.cols())
      throw error("an adapter does not fit the model", update.module, shape_text({matrix.rows(), matrix.cols()}),
                  shape_text({own->rows, own->cols}));
    checkpoint_.tensors.find(name)->second.updates.push_back(std::move(own));
  }

  void replace(const std::string& published, const TensorView& tensor) {
    const std::string name = stored_name(family_, checkpoint_, find(published).name);
    TensorView& old = checkpoint_.tensors.find(name)->second;
    if (old.shape != tensor.shape)
      throw error("an adapter does not fit the model", published, shape_text(old.shape), shape_text(tensor.shape));
    old = tensor;
  }

 private:
  // An adapter's name of a tensor: the published one, or that which it has inside a model that sees as well, or in the
  // model without its head.
  const TensorSpec& find(const std::string& name) {
    std::vector<std::string> spellings = {name};
    for (const std::string_view prefix : {"language_model.", "model."})
      if (name.starts_with(prefix)) spellings.push_back(name.substr(prefix.size()));
    for (const std::string_view prefix : {"model.language_model.", "model.text_model.", ""})
      if (name.starts_with(prefix)) spellings.push_back(std::string(family_.base_prefix) + name.substr(prefix.size()));
    for (const std::string& published : spellings) {
      if (spec_.tied_embeddings) untie_for(published);
      const auto it =
          std::find_if(table_.begin(), table_.end(), [&](const TensorSpec& t) { return t.name == published; });
      if (it != table_.end() && checkpoint_.find(stored_name(family_, checkpoint_, it->name)) != nullptr) return *it;
    }
    throw error("an adapter is for a module that the model does not have", name, "a tensor of the model", "");
  }

  // An adapter of the embedding leaves the unembedding as it is, and the other way round (peft's layers see one use).
  void untie_for(const std::string& published) {
    ModelSpec apart = spec_;
    apart.tied_embeddings = false;
    auto table = tensor_table(family_, apart);
    const auto named = [&](Role role) {
      return std::find_if(table.begin(), table.end(),
                          [&](const TensorSpec& t) { return t.role == role && t.part == Part::Weight; });
    };
    const auto input = named(Role::Embedding), output = named(Role::Unembedding);
    if (input == table.end() || output == table.end()) return;
    if (published != input->name && published != output->name) return;
    const TensorView* shared = checkpoint_.find(stored_name(family_, checkpoint_, input->name));
    if (shared == nullptr) return;
    const std::string name = stored_name(family_, checkpoint_, output->name);
    checkpoint_.tensors.erase(name);
    checkpoint_.tensors.emplace(name, TensorView(*shared));
    spec_.tied_embeddings = false;
    table_ = std::move(table);
  }

  Error error(std::string what, const std::string& where, std::string expected, std::string found) const {
    return Error({.what = std::move(what),
                  .file = adapter_.path.string(),
                  .where = where,
                  .expected = std::move(expected),
                  .found = std::move(found)});
  }

  Checkpoint& checkpoint_;
  const Family& family_;
  ModelSpec& spec_;
  const Adapter& adapter_;
  std::vector<TensorSpec> table_;
};

}  // namespace

void apply_adapter(Checkpoint& checkpoint, const Family& family, ModelSpec& spec, Adapter adapter) {
  Applier applier(checkpoint, family, spec, adapter);
  for (const Adapter::Update& update : adapter.updates) applier.update(update);
  for (const auto& [name, tensor] : adapter.replaced) applier.replace(name, tensor);
  for (auto& part : adapter.storage) checkpoint.storage.push_back(std::move(part));
}

}  // namespace foretell
