#include "arch/open_model.h"

#include <cstring>

#include "arch/expert_stacks.h"
#include "arch/gguf_model.h"

namespace foretell {

namespace {

std::string weight_name(const Family& family, Role role) {
  for (const RoleName& n : family.names)
    if (n.role == role) return std::string(n.name) + std::string(n.weight);
  return {};
}

bool same_values(const TensorView& a, const TensorView& b) {
  if (a.dtype != b.dtype || a.shape != b.shape || a.quantized || b.quantized || a.bytes.size() != b.bytes.size())
    return false;
  return a.bytes.data() == b.bytes.data() || std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

// Where the tensors tell another story than config.json about whether the embedding is the unembedding too, they are
// right, as with the reference: two of different values are two; one of the two alone is both, unless config.json says
// that they are not tied.
void settle_tying(Checkpoint& checkpoint) {
  const ConfigReader config(checkpoint.config, checkpoint.config_file());
  const Family& family = find_family(config);
  const bool tied = family.describe(config).tied_embeddings;
  const std::string input = stored_name(family, checkpoint, weight_name(family, Role::Embedding));
  const std::string output = stored_name(family, checkpoint, weight_name(family, Role::Unembedding));
  const TensorView *in = checkpoint.find(input), *out = checkpoint.find(output);
  if (tied && in != nullptr && out != nullptr && !same_values(*in, *out)) {
    checkpoint.config["tie_word_embeddings"] = false;
  } else if (tied && in == nullptr && out != nullptr) {
    checkpoint.tensors.emplace(input, *out);
  } else if (!tied && in != nullptr && out == nullptr && !config.mentions("tie_word_embeddings")) {
    checkpoint.config["tie_word_embeddings"] = true;
  }
}

}  // namespace

Checkpoint open_model(const std::filesystem::path& path, const OpenOptions& options) {
  if (is_gguf(path)) return open_gguf(path, options);
  Checkpoint checkpoint = open_checkpoint(path, options);
  split_expert_stacks(checkpoint);
  if (options.tensors) settle_tying(checkpoint);
  return checkpoint;
}

std::string stored_name(const Family& family, const Checkpoint& checkpoint, const std::string& published) {
  const auto there = [&](const std::string& name) { return checkpoint.find(name) != nullptr; };
  if (there(published)) return published;
  // The text part of a model that also sees or hears.
  if (const std::string name = "language_model." + published; there(name)) return name;
  if (!published.starts_with(family.base_prefix)) return published;
  const std::string bare = published.substr(family.base_prefix.size());
  for (const char* prefix : {"", "model.language_model.", "language_model.", "model.text_model."})
    if (there(prefix + bare)) return prefix + bare;
  return published;
}

}  // namespace foretell
