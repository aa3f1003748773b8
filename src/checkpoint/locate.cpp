#include "checkpoint/locate.h"

#include <algorithm>
#include <functional>

#include "base/mapped_file.h"
#include "base/near_names.h"
#include "foretell/error.h"

namespace foretell {
namespace {

namespace fs = std::filesystem;

struct Candidate {
  std::string name;    // as a person writes it: "gpt3", "org/name"
  std::string folded;  // without what is ignored
  fs::path path;
};

std::string folded(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == '.') continue;
    text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

// Calls use(path) for the entries of a folder, sorted by name; a folder that is not there has none.
void for_entries(const fs::path& folder, const std::function<void(const fs::path&)>& use) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    paths.push_back(it->path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) use(path);
}

std::vector<Candidate> models_in(const std::vector<fs::path>& folders) {
  std::vector<Candidate> models;
  for (const fs::path& folder : folders) {
    for_entries(folder, [&](const fs::path& path) {
      if (!file_exists(path / "config.json") && path.extension() != ".gguf") return;
      const std::string name = path.filename().string();
      const bool hidden_by_earlier =
          std::any_of(models.begin(), models.end(), [&](const Candidate& m) { return m.name == name; });
      if (!hidden_by_earlier) models.push_back({name, folded(name), path});
    });
  }
  return models;
}

// models--org--name stands for org/name.
std::vector<Candidate> models_in_hub(const fs::path& cache) {
  constexpr std::string_view prefix = "models--";
  std::vector<Candidate> models;
  if (cache.empty()) return models;
  for_entries(cache, [&](const fs::path& path) {
    std::string name = path.filename().string();
    if (!name.starts_with(prefix)) return;
    name.erase(0, prefix.size());
    if (const size_t separator = name.find("--"); separator != std::string::npos) {
      name.erase(separator, 1);
      name[separator] = '/';
    }
    models.push_back({name, folded(name), path});
  });
  return models;
}

// The candidates for which `fits` is true; more than one is an error, none is null.
const Candidate* only(const std::vector<Candidate>& models, const std::string& name,
                      const std::function<bool(const Candidate&)>& fits) {
  const Candidate* found = nullptr;
  std::string others;
  for (const Candidate& model : models) {
    if (!fits(model)) continue;
    if (found != nullptr)
      others += ", " + model.name;
    else
      found = &model;
  }
  if (others.empty()) return found;
  throw Error({.what = "several models have such a name",
               .file = name,
               .expected = "the name of one",
               .found = found->name + others});
}

const Candidate* best_match(const std::vector<Candidate>& models, const std::string& name, bool parts) {
  const std::string wanted = folded(name);
  if (wanted.empty()) return nullptr;
  const auto exact = std::find_if(models.begin(), models.end(), [&](const Candidate& m) { return m.name == name; });
  if (exact != models.end()) return &*exact;
  const Candidate* found = only(models, name, [&](const Candidate& m) { return m.folded == wanted; });
  if (found == nullptr && parts)
    found = only(models, name, [&](const Candidate& m) { return m.folded.starts_with(wanted); });
  if (found == nullptr && parts)
    found = only(models, name, [&](const Candidate& m) { return m.folded.find(wanted) != std::string::npos; });
  return found;
}

// The files of a model in the hub's cache: refs/main names the folder below snapshots.
fs::path snapshot(const Candidate& model) {
  const fs::path ref = model.path / "refs" / "main", snapshots = model.path / "snapshots";
  if (file_exists(ref)) {
    std::string commit = read_text_file(ref);
    commit.erase(std::find_if_not(commit.begin(), commit.end(), [](unsigned char c) { return std::isxdigit(c); }),
                 commit.end());
    if (!commit.empty() && file_exists(snapshots / commit)) return snapshots / commit;
    throw Error({.what = "the model's files are not in the hub's cache",
                 .file = ref.string(),
                 .expected = "the name of a folder in " + snapshots.string(),
                 .found = commit});
  }
  std::vector<fs::path> all;
  for_entries(snapshots, [&](const fs::path& path) { all.push_back(path); });
  if (all.size() == 1) return all.front();
  throw Error({.what = "no main branch in the hub's cache",
               .file = model.path.string(),
               .expected = "refs/main, or one snapshot",
               .found = std::to_string(all.size()) + " snapshots"});
}

Error no_such_model(const std::string& name, const std::vector<fs::path>& folders, const fs::path& hub_cache,
                    const std::vector<Candidate>& models) {
  std::string places;
  for (const fs::path& folder : folders) places += (places.empty() ? "" : ", ") + folder.string();
  ErrorParts parts = {.what = "no such model", .file = name, .expected = "a folder, a file"};
  if (!places.empty()) parts.expected += ", the name of a model in " + places;
  if (!hub_cache.empty()) parts.expected += ", an id in the hub's cache " + hub_cache.string();
  std::vector<std::string> names;
  for (const Candidate& model : models) names.push_back(model.name);
  parts.hint = did_you_mean(name, names);
  if (!parts.hint.empty()) return Error(parts);
  constexpr size_t most = 12;
  for (size_t i = 0; i < std::min(most, names.size()); i++) parts.hint += (i == 0 ? "there are " : ", ") + names[i];
  if (names.size() > most) parts.hint += ", ...";
  return Error(parts);
}

}  // namespace

fs::path locate_model(const std::string& name, const std::vector<fs::path>& search_folders, const fs::path& hub_cache) {
  if (name.empty()) throw Error({.what = "the model's name is empty"});
  if (file_exists(name)) return name;
  for (const fs::path& folder : search_folders)
    if (file_exists(folder / name)) return folder / name;
  std::vector<Candidate> models = models_in(search_folders);
  if (const Candidate* found = best_match(models, name, true)) return found->path;
  const std::vector<Candidate> hub = models_in_hub(hub_cache);
  if (const Candidate* found = best_match(hub, name, false)) return snapshot(*found);
  models.insert(models.end(), hub.begin(), hub.end());
  throw no_such_model(name, search_folders, hub_cache, models);
}

}  // namespace foretell
