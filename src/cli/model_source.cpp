#include "cli/model_source.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>

#include "arch/open_model.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "checkpoint/locate.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/progress.h"

namespace foretell::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* default_model = "smollm2-135m-instruct";

fs::path variable_path(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

// The folder that this build was configured from, by CMake's own note beside the binary.
fs::path source_folder(const fs::path& build) {
  constexpr std::string_view key = "CMAKE_HOME_DIRECTORY:INTERNAL=";
  std::ifstream cache(build / "CMakeCache.txt");
  for (std::string line; std::getline(cache, line);) {
    if (line.starts_with(key)) return line.substr(key.size());
  }
  return {};
}

// Where the models that come with the program lie: beside an installed binary, or in the source tree above a build.
std::vector<fs::path> own_folders() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  std::vector<fs::path> folders;
  if (error) return folders;
  const fs::path home = program.parent_path();
  const auto add = [&](const fs::path& folder) {
    if (fs::is_directory(folder, error) && std::find(folders.begin(), folders.end(), folder) == folders.end())
      folders.push_back(folder);
  };
  add(home.parent_path() / "share" / "foretell" / "models");
  fs::path above = home;
  for (int i = 0; i < 3; i++) {
    if (const fs::path source = source_folder(above); !source.empty()) add(source / "models");
    above = above.parent_path();
    if (fs::exists(above / "CMakeLists.txt", error)) add(above / "models");
  }
  return folders;
}

std::vector<fs::path> search_folders() {
  std::vector<fs::path> folders;
  const std::string list = variable_path("FORETELL_MODELS").string();
  for (size_t begin = 0; begin < list.size();) {
    const size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) folders.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  folders.emplace_back("models");
  for (const fs::path& folder : own_folders()) folders.push_back(folder);
  return folders;
}

// The hub library's rule: $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else in ~/.cache.
fs::path hub_cache() {
  if (const fs::path cache = variable_path("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (const fs::path home = variable_path("HF_HOME"); !home.empty()) return home / "hub";
  if (const fs::path cache = variable_path("XDG_CACHE_HOME"); !cache.empty()) return cache / "huggingface" / "hub";
  if (const fs::path home = variable_path("HOME"); !home.empty()) return home / ".cache" / "huggingface" / "hub";
  return {};
}

bool is_gguf(const fs::path& path) { return path.extension() == ".gguf"; }

// A word that stands for a model, not for a place in the file system.
bool is_bare_name(const std::string& name) {
  constexpr std::array<const char*, 3> kinds = {".gguf", ".safetensors", ".json"};
  const std::string extension = fs::path(name).extension().string();
  for (const char* kind : kinds) {
    if (extension == kind) return false;
  }
  return name.find('/') == std::string::npos && name != "." && name != "..";
}

}  // namespace

fs::path find_model(const std::string& name) {
  std::error_code error;
  if (name.empty()) return locate_model(default_model, own_folders(), {});
  if (fs::exists(fs::status(name, error))) return name;
  if (!is_bare_name(name)) return locate_model(name, search_folders(), hub_cache());
  try {
    return locate_model(name, search_folders(), hub_cache());
  } catch (const Error& unknown) {
    throw UsageError(unknown.parts());
  }
}

ModelSource open_source(const Context& context) {
  const fs::path path = find_model(context.options.model);
  spdlog::debug("model: {}", path.string());
  return {.path = path, .checkpoint = open_model(path, {.tensors = false})};
}

static fs::path home_of(const ModelSource& source) {
  return fs::is_directory(source.path) ? source.path : source.path.parent_path();
}

// A text is read whole, whatever a tokenizer.json says of truncation and padding; somebody who asks hears of it.
static Tokenizer load_published(const fs::path& path) {
  Tokenizer tokenizer = Tokenizer::load(path);
  const fs::path file = fs::is_directory(path) ? path / "tokenizer.json" : path;
  if (!spdlog::should_log(spdlog::level::debug) || file.extension() != ".json" || !fs::exists(file)) return tokenizer;
  const Json json = read_json_file(file);
  for (const char* section : {"truncation", "padding"}) {
    const auto found = json.find(section);
    if (found != json.end() && !found->is_null()) spdlog::debug("{}: its \"{}\" is not done", file.string(), section);
  }
  return tokenizer;
}

Tokenizer load_tokenizer(const ModelSource& source) {
  if (!source.checkpoint.tokenizer_json.empty())
    return Tokenizer::from_json(source.checkpoint.tokenizer_json, source.path);
  return load_published(home_of(source));
}

size_t tokenizer_bytes(const ModelSource& source) {
  if (!source.checkpoint.tokenizer_json.empty()) return source.checkpoint.tokenizer_json.size();
  std::error_code error;
  const auto size = fs::file_size(home_of(source) / "tokenizer.json", error);  // the other forms are small
  return error ? 0 : static_cast<size_t>(size);
}

Tokenizer load_tokenizer(const fs::path& path) {
  if (is_gguf(path)) return load_tokenizer(ModelSource{path, open_model(path, {.tensors = false})});
  if (fs::is_directory(path)) return load_published(path);
  // tokenizer.json itself under whatever name, or another form, or a file of weights with the tokenizer beside it.
  const fs::path beside = path.parent_path() / "tokenizer.json";
  const std::string name = path.filename().string(), extension = path.extension().string();
  const bool itself = (extension == ".json" && name.find("tokenizer") != std::string::npos) || extension == ".model" ||
                      extension == ".tiktoken" || name == "tekken.json" || name == "vocab.json" || name == "vocab.txt";
  return load_published(itself || (extension == ".json" && !fs::exists(beside)) ? path : beside);
}

// "DIR" or "DIR:SCALE"; a folder whose name has a colon is meant where it is there.
static AdapterChoice adapter_choice(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || fs::exists(text)) return {.path = text};
  return {.path = text.substr(0, colon), .scale = parse_number(text.substr(colon + 1), Real{}, "--adapter")};
}

// As many as asked for, but not more than there are CPUs: they would only take turns, and wait for each other's. 0: the
// library's choice.
static int threads_to_use(const CommonOptions& o) {
  const int64_t asked = o.threads.value_or(0), most = available_cpus();
  if (asked > most) spdlog::info("--threads {}: {} are used, since this process may use {} CPUs", asked, most, most);
  return static_cast<int>(std::min(asked, most));
}

namespace {

template <class Loaded>
Loaded load(const fs::path& path, const Context& context, const std::function<void()>& check) {
  const CommonOptions& o = context.options;
  const InterruptGuard guard;
  Progress progress("Loading the model", context.err_terminal.interactive && !o.quiet, context.err_terminal.width);
  LoadOptions options{.precision = o.precision,
                      .kv_cache = o.kv_cache,
                      .quantize_bits = o.quantize_bits,
                      .threads = threads_to_use(o),
                      .isa = o.isa,
                      .progress =
                          [&](double part) {
                            stop_if_interrupted();
                            if (check) check();
                            progress.update(part);
                          },
                      .log = [](const std::string& line) { spdlog::info("{}", line); }};
  for (const std::string& adapter : o.adapters) options.adapters.push_back(adapter_choice(adapter));
  Loaded loaded = Loaded::load(path, options);
  stop_if_interrupted();
  return loaded;
}

}  // namespace

Tracer load_tracer(const fs::path& path, const Context& context) { return load<Tracer>(path, context, {}); }

Model load_model(const fs::path& path, const Context& context, const std::function<void()>& check) {
  Model model = load<Model>(path, context, check);
  spdlog::debug("{} threads, {} instructions, {} bytes of weights", model.threads(), model.isa(),
                model.weights_bytes());
  if (!model.rounded_weights().empty())
    spdlog::debug("{} rounded to 8 bits in groups of 32; --precision exact uses them as they are",
                  model.rounded_weights());
  return model;
}

}  // namespace foretell::cli
