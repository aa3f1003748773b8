// `foretell inspect`: what a model is made of.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "arch/costs.h"
#include "arch/ledger.h"
#include "arch/open_model.h"
#include "base/machine_memory.h"
#include "base/memory_speed.h"
#include "checkpoint/gguf_blocks.h"
#include "checkpoint/quantized_tensor.h"
#include "cli/commands.h"
#include "cli/inspect_check.h"
#include "cli/inspect_diff.h"
#include "cli/inspect_model.h"
#include "cli/inspect_report.h"
#include "cli/linear_regression.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "model/kv_cache.h"

namespace foretell::cli {
namespace {

namespace fs = std::filesystem;

struct InspectOptions {
  std::optional<LedgerKind> ledger;
  std::optional<std::string> diff;
  bool tensors = false, check = false;
};

// What config.json says the numbers are stored as.
DType declared_dtype(const ConfigReader& config) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (config.has(key))
      return config.one_of<DType>(
          key, "",
          {{"float32", DType::F32}, {"float16", DType::F16}, {"bfloat16", DType::BF16}, {"float64", DType::F64}});
  }
  return DType::F32;  // as transformers takes it
}

std::vector<ListedType> stored_types(const Checkpoint& checkpoint, Precision precision) {
  std::map<std::string, ListedType> types;
  for (const auto& [name, view] : checkpoint.tensors) {
    ListedType& type = types[view.quantized ? view.quantized->description : std::string(info(view.dtype).name)];
    type.tensors++;
    type.bytes += view.quantized ? view.quantized->stored_bytes() : static_cast<int64_t>(view.bytes.size());
    const bool matrix = view.shape.size() >= 2 && (view.quantized || is_block(view.dtype));
    type.rounded = type.rounded || (precision != Precision::Exact && matrix &&
                                    StoredMatrix::of(view, name).layout() == StoredMatrix::Layout::Decoded);
  }
  std::vector<ListedType> list;
  for (auto& [name, type] : types) {
    type.name = name;
    list.push_back(type);
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const ListedType& a, const ListedType& b) { return a.bytes > b.bytes; });
  return list;
}

bool is_quantized(const Checkpoint& checkpoint) {
  return std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(), [](const auto& entry) {
    return entry.second.quantized || entry.first.ends_with(".scales") || info(entry.second.dtype).block_elements > 1;
  });
}

// One line about the tokenizer, where there is one that can be read.
std::string tokenizer_summary(const Checkpoint& checkpoint, const fs::path& path) {
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  if (checkpoint.tokenizer_json.empty() && !fs::exists(folder / "tokenizer.json")) return "";
  try {
    return load_tokenizer({path, checkpoint}).summary();
  } catch (const Error& error) {
    spdlog::warn("{}", error.what());
    return "";
  }
}

// The bytes of what a token is multiplied with, as they are stored.
double active_bytes(const Family& family, const ModelSpec& spec, const Checkpoint& checkpoint) {
  double bytes = 0;
  for (const TensorSpec& tensor : tensor_table(family, spec)) {
    const std::string name = stored_name(family, checkpoint, tensor.name);
    std::vector<std::string> names = {name};
    if (name.ends_with(".weight"))
      for (const char* part : {".scales", ".biases"}) names.push_back(name.substr(0, name.size() - 7) + part);
    for (const std::string& one : names) {
      const TensorView* view = checkpoint.find(one);
      if (view == nullptr) continue;
      const auto size = view->quantized ? view->quantized->stored_bytes() : static_cast<int64_t>(view->bytes.size());
      bytes += static_cast<double>(size) * active_part(spec, tensor);
    }
  }
  return bytes;
}

std::vector<Inspection::Weights> weights_by_precision(const Family& family, const Inspection& seen, double active) {
  std::vector<Inspection::Weights> list;
  if (active > 0) list.push_back({"as stored", static_cast<double>(seen.weights_bytes), active});
  // What `convert --quantize` writes: a scale and a bias of 16 bits for each 64 numbers.
  constexpr double scales = 32.0 / 64;
  for (const auto& [name, bits] : std::vector<std::pair<const char*, double>>{
           {"32 bits", 32}, {"16 bits", 16}, {"8 bits", 8 + scales}, {"4 bits", 4 + scales}}) {
    const WeightBytes bytes = weight_bytes(family, seen.spec, bits);
    list.push_back({name, bytes.all, bytes.active});
  }
  return list;
}

Inspection::Machine this_machine(const Context& context) {
  Inspection::Machine machine;
  machine.memory_bytes = machine_memory();
  ThreadPool pool(static_cast<int>(context.options.threads.value_or(available_cores())));
  machine.threads = pool.size();
  try {
    // Less than `bench` takes: it is to be seen at once.
    machine.read_bandwidth = measure_read_bandwidth(pool, int64_t{128} << 20, 3);
  } catch (const Error&) {
    spdlog::debug("there is too little memory to measure how fast it is read");
  }
  return machine;
}

void look_at_tensors(Inspection& seen, const InspectedModel& model, const Context& context,
                     const InspectOptions& options) {
  const ConfigReader config(model.checkpoint.config, model.checkpoint.config_file());
  seen.tensors = model.weights ? stored_tensors(model.checkpoint)
                               : declared_tensors(tensor_table(*model.family, seen.spec), declared_dtype(config));
  if (model.weights) seen.types = stored_types(model.checkpoint, context.options.precision);
  for (const ListedTensor& tensor : seen.tensors) {
    if (__builtin_add_overflow(seen.weights_bytes, tensor.bytes, &seen.weights_bytes))
      throw Error({.what = "the model is too large", .expected = "fewer than 2^63 bytes"});
  }
  if (options.check && !model.weights)
    throw Error({.what = "there are no weights to check",
                 .file = seen.path.string(),
                 .expected = "model.safetensors or pytorch_model.bin, or an index of such, or model.json"});
  if (model.weights && (options.check || options.tensors))
    read_statistics(seen.tensors, context, "Reading the weights");
  if (!options.check) return;
  const Findings findings = check_weights(*model.family, seen.spec, model.checkpoint, seen.tensors);
  report(findings);
  seen.checked = true;
  seen.notes = findings.notes;
}

Inspection look(const InspectedModel& model, const Context& context, const InspectOptions& options) {
  Inspection seen;
  seen.path = model.path;
  seen.spec = model.spec;
  seen.format = model.weights ? model.checkpoint.format : "";
  seen.chapter = make_ledger(*model.family, seen.spec, LedgerKind::Chapter);
  seen.exact = make_ledger(*model.family, seen.spec, LedgerKind::Exact);
  seen.shown = options.ledger;
  seen.context = context.options.context.value_or(seen.spec.context);
  if (seen.spec.positions && seen.context > seen.spec.positions->count)
    throw UsageError({.what = "--context is more than the model has positions for",
                      .expected = "at most " + std::to_string(seen.spec.positions->count),
                      .found = std::to_string(seen.context)});
  look_at_tensors(seen, model, context, options);
  const bool quantized = is_quantized(model.checkpoint);
  seen.kv_bytes_per_token =
      KvLayout(seen.spec, kv_format(seen.spec, quantized, context.options.precision, context.options.kv_cache))
          .bytes_per_token();
  seen.costs = token_costs(*model.family, seen.spec, seen.context);
  seen.weights = weights_by_precision(*model.family, seen,
                                      model.weights ? active_bytes(*model.family, seen.spec, model.checkpoint) : 0);
  seen.machine = this_machine(context);
  seen.tokenizer = tokenizer_summary(model.checkpoint, seen.path);
  return seen;
}

void inspect(Context& context, const InspectOptions& options) {
  const fs::path path = find_model(context.options.model);
  if (const auto line = open_linear_regression(path)) {
    if (options.diff) throw UsageError({.what = "--diff compares language models"});
    return print_linear_regression(context, *line);
  }
  const InspectedModel model = open_inspected(path);
  if (options.diff) return print_difference(context, model, open_inspected(find_model(*options.diff)), options.tensors);
  const Inspection seen = look(model, context, options);
  if (context.options.json) {
    context.print_json(inspection_json(seen, options.tensors));
  } else {
    context.out.write(inspection_text(seen, options.tensors, context.out_terminal));
  }
}

}  // namespace

void add_inspect_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& command =
      add_command(app, context, "inspect", "Show where the parameters of a model are, and what it needs",
                  {"foretell inspect gpt3", "foretell inspect path/to/model --tensors",
                   "foretell inspect path/to/model --diff path/to/other"},
                  [&context, options] { inspect(context, *options); });
  add_model_option(command, context, true);
  add_number(command, "-c,--context", context.options.context, Whole{.least = 1},
             "Count the memory of a text of so many tokens")
      ->default_str("the model's context")
      ->group("Model");
  add_precision_option(command, context);
  add_threads_option(command, context);
  add_choice_by_name(
      command, "--ledger", {"chapter", "exact"}, 2,
      [options](size_t i) { options->ledger = i == 0 ? LedgerKind::Chapter : LedgerKind::Exact; },
      "How to count: matrices as the lesson does (each head has its own, the unembedding counts even where it is the "
      "embedding), or every stored number once")
      ->default_str("chapter, and what it leaves out")
      ->group("Output");
  add_switch(command, "--tensors", options->tensors,
             "List every tensor with its type, its shape and what its numbers are like")
      ->group("Output");
  add_switch(
      command, "--check", options->check,
      "Read all weights: is every tensor there, of its declared shape, every number finite, and none there twice?")
      ->group("Output");
  add_text(command, "--diff", options->diff, "MODEL", "Compare config and weights with another model's instead")
      ->group("Output");
  add_output_options(command, context);
}

}  // namespace foretell::cli
