// From -m to a model that is ready: where it lies, its files, its tokenizer, its weights.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "cli/context.h"
#include "foretell/model.h"
#include "foretell/tokenizer.h"
#include "foretell/trace.h"

namespace foretell::cli {

// The folder or file that `name` stands for; empty: the default model. A name alone that nobody knows is a UsageError
// with the near ones, a path that is missing an Error.
std::filesystem::path find_model(const std::string& name);

// A model's description: its config and generation config, without its weights.
struct ModelSource {
  std::filesystem::path path;
  Checkpoint checkpoint;  // no tensors
};
ModelSource open_source(const Context& context);

// The tokenizer of a model: tokenizer.json, or an older form, in its folder or beside its file, or what a GGUF file
// holds.
Tokenizer load_tokenizer(const ModelSource& source);
// The same for a folder or file of which nothing but the tokenizer has to be there.
Tokenizer load_tokenizer(const std::filesystem::path& path);

// The size of the text that load_tokenizer reads; 0 where there is none.
size_t tokenizer_bytes(const ModelSource& source);

// Loads the weights by the common options; a terminal sees how far it is where it takes long. Ctrl-C ends it, and so
// does what `check`, which is called now and then, throws.
Model load_model(const std::filesystem::path& path, const Context& context, const std::function<void()>& check = {});
// The same model in float32, to be looked into.
Tracer load_tracer(const std::filesystem::path& path, const Context& context);

}  // namespace foretell::cli
