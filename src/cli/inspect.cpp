// `foretell inspect`: what a model is made of.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "arch/ledger.h"
#include "arch/open_model.h"
#include "base/mapped_file.h"
#include "checkpoint/gguf_blocks.h"
#include "checkpoint/quantized_tensor.h"
#include "checkpoint/stored_matrix.h"
#include "cli/commands.h"
#include "cli/inspect_report.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "model/kv_cache.h"

namespace foretell::cli {
namespace {

namespace fs = std::filesystem;

struct InspectOptions {
  std::optional<LedgerKind> ledger;
  bool tensors = false, check = false;
};

bool has_weights(const fs::path& path) {
  const bool config_alone = path.filename() == "config.json";
  if (!fs::is_directory(path) && !config_alone) return true;
  const fs::path folder = config_alone ? path.parent_path() : path;
  // A folder with weights of another kind or a part of them is an error when it is opened with them.
  for (const char* name : {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                           "pytorch_model.bin.index.json", "model.json"}) {
    if (fs::exists(folder / name)) return true;
  }
  return false;
}

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

// "layers.2" before "layers.10".
bool natural_less(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      i++, j++;
      continue;
    }
    const auto number = [&](const std::string& s, size_t& at) {
      while (at + 1 < s.size() && s[at] == '0' && digit(s[at + 1])) at++;
      const size_t begin = at;
      while (at < s.size() && digit(s[at])) at++;
      return std::string_view(s).substr(begin, at - begin);
    };
    const std::string_view x = number(a, i), y = number(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  return a.size() - i < b.size() - j;
}

std::vector<ListedTensor> stored_tensors(const Checkpoint& checkpoint) {
  std::vector<ListedTensor> list;
  for (const auto& [name, view] : checkpoint.tensors) {
    if (view.quantized)
      list.push_back({name, view.quantized->description, view.shape, view.quantized->stored_bytes()});
    else
      list.push_back({name, std::string(info(view.dtype).name), view.shape, static_cast<int64_t>(view.bytes.size())});
  }
  std::sort(list.begin(), list.end(),
            [](const ListedTensor& a, const ListedTensor& b) { return natural_less(a.name, b.name); });
  return list;
}

std::vector<ListedTensor> declared_tensors(const std::vector<TensorSpec>& table, DType dtype) {
  std::vector<ListedTensor> list;
  for (const TensorSpec& tensor : table) {
    int64_t bytes = info(dtype).block_bytes;
    for (const int64_t size : tensor.shape) {
      if (__builtin_mul_overflow(bytes, size, &bytes))
        throw Error({.what = "a tensor is too large", .where = tensor.name, .expected = "fewer than 2^63 bytes"});
    }
    list.push_back({tensor.name, std::string(info(dtype).name), tensor.shape, bytes});
  }
  return list;
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

void check_finite(const std::string& name, const TensorView& view) {
  const StoredMatrix matrix = StoredMatrix::of(view, name);
  std::vector<float> numbers(static_cast<size_t>(matrix.cols()));
  for (int64_t row = 0; row < matrix.rows(); row++) {
    matrix.read_row(row, numbers.data());
    const auto bad = std::find_if(numbers.begin(), numbers.end(), [](float x) { return !std::isfinite(x); });
    if (bad != numbers.end())
      throw Error({.what = "a weight is not a finite number",
                   .file = view.file.string(),
                   .where = fmt::format("{}[{}, {}]", name, row, bad - numbers.begin()),
                   .found = fmt::format("{}", *bad)});
  }
  for (const auto& bytes : matrix.file_bytes()) release_pages(bytes);
}

// Every tensor that the model needs is there in its declared shape (loading sees to that), and every number is finite.
void check_weights(const fs::path& path, const Checkpoint& checkpoint, const Context& context) {
  load_model(path, context);
  const InterruptGuard guard;
  Progress progress("Checking the weights", context.err_terminal.interactive && !context.options.quiet,
                    context.err_terminal.width);
  size_t done = 0;
  for (const auto& [name, view] : checkpoint.tensors) {
    // Packed codes are whole numbers; their scales and biases are tensors too.
    if (view.quantized || is_float(view.dtype) || info(view.dtype).block_elements > 1) check_finite(name, view);
    stop_if_interrupted();
    progress.update(static_cast<double>(++done) / static_cast<double>(checkpoint.tensors.size()));
  }
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

Inspection look(const Context& context, const InspectOptions& options) {
  Inspection seen;
  seen.path = find_model(context.options.model);
  const bool weights = has_weights(seen.path);
  const Checkpoint checkpoint = open_model(seen.path, {.tensors = weights});
  const ConfigReader config(checkpoint.config, checkpoint.config_file());
  const Family& family = find_family(config);
  seen.spec = family.describe(config);
  seen.format = weights ? checkpoint.format : "";
  seen.chapter = make_ledger(family, seen.spec, LedgerKind::Chapter);
  seen.exact = make_ledger(family, seen.spec, LedgerKind::Exact);
  seen.shown = options.ledger;
  seen.tensors =
      weights ? stored_tensors(checkpoint) : declared_tensors(tensor_table(family, seen.spec), declared_dtype(config));
  if (weights) seen.types = stored_types(checkpoint, context.options.precision);
  for (const ListedTensor& tensor : seen.tensors) {
    if (__builtin_add_overflow(seen.weights_bytes, tensor.bytes, &seen.weights_bytes))
      throw Error({.what = "the model is too large", .expected = "fewer than 2^63 bytes"});
  }
  const bool quantized = is_quantized(checkpoint);
  seen.kv_bytes_per_token =
      KvLayout(seen.spec, kv_format(seen.spec, quantized, context.options.precision, context.options.kv_cache))
          .bytes_per_token();
  seen.context = context.options.context.value_or(seen.spec.context);
  if (seen.spec.positions && seen.context > seen.spec.positions->count)
    throw UsageError({.what = "--context is more than the model has positions for",
                      .expected = "at most " + std::to_string(seen.spec.positions->count),
                      .found = std::to_string(seen.context)});
  seen.tokenizer = tokenizer_summary(checkpoint, seen.path);
  if (options.check && !weights)
    throw Error({.what = "there are no weights to check",
                 .file = seen.path.string(),
                 .expected = "model.safetensors or pytorch_model.bin, or an index of such, or model.json"});
  if (options.check) check_weights(seen.path, checkpoint, context);
  seen.checked = options.check;
  return seen;
}

void inspect(Context& context, const InspectOptions& options) {
  const Inspection seen = look(context, options);
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
                  {"foretell inspect gpt3", "foretell inspect path/to/model --tensors --json"},
                  [&context, options] { inspect(context, *options); });
  add_model_option(command, context, true);
  add_number(command, "-c,--context", context.options.context, Whole{.least = 1},
             "Count the memory of a text of so many tokens")
      ->default_str("the model's context")
      ->group("Model");
  add_precision_option(command, context);
  add_choice_by_name(
      command, "--ledger", {"chapter", "exact"}, 2,
      [options](size_t i) { options->ledger = i == 0 ? LedgerKind::Chapter : LedgerKind::Exact; },
      "How to count: matrices as the lesson does (each head has its own, the unembedding counts even where it is the "
      "embedding), or every stored number once")
      ->default_str("chapter, and what it leaves out")
      ->group("Output");
  add_switch(command, "--tensors", options->tensors, "List every tensor with its type and shape")->group("Output");
  add_switch(command, "--check", options->check,
             "Read all weights: is every tensor there, of its declared shape, and every number finite?")
      ->group("Output");
  add_output_options(command, context);
}

}  // namespace foretell::cli
