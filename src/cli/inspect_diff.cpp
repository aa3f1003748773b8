#include "cli/inspect_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/token_text.h"
#include "model/weight_distance.h"

namespace foretell::cli {
namespace {

struct ChangedKey {
  std::string key;
  std::optional<Json> here = {}, there = {};
};

void flatten(const Json& object, const std::string& prefix, std::map<std::string, Json>& keys) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object() && !value.empty()) {
      flatten(value, prefix + key + ".", keys);
    } else {
      keys[prefix + key] = value;
    }
  }
}

std::vector<ChangedKey> changed_keys(const Json& here, const Json& there) {
  std::map<std::string, Json> left, right;
  flatten(here, "", left);
  flatten(there, "", right);
  std::vector<ChangedKey> changed;
  std::map<std::string, Json> all = left;
  all.insert(right.begin(), right.end());
  for (const auto& [key, value] : all) {
    const auto a = left.find(key), b = right.find(key);
    ChangedKey entry{.key = key};
    if (a != left.end()) entry.here = a->second;
    if (b != right.end()) entry.there = b->second;
    if (entry.here != entry.there) changed.push_back(std::move(entry));
  }
  return changed;
}

std::string value_text(const std::optional<Json>& value, int width) {
  if (!value) return "-";
  const std::string text = visible(value->dump(-1, ' ', false, Json::error_handler_t::replace));
  return display_width(text) <= width ? text : shown_token(text, width);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t n : shape) text += (text.empty() ? "" : "×") + std::to_string(n);
  return text;
}

WeightDistance sum(const std::vector<WeightDistance>& all) {
  WeightDistance total;
  for (const WeightDistance& d : all) {
    total.difference += d.difference;
    total.squares += d.squares;
    total.other_squares += d.other_squares;
    total.product += d.product;
    total.largest = std::max(total.largest, d.largest);
  }
  return total;
}

nlohmann::ordered_json document(const std::vector<ChangedKey>& keys, const WeightComparison* weights) {
  nlohmann::ordered_json config = nlohmann::ordered_json::array(), tensors = nlohmann::ordered_json::array();
  for (const ChangedKey& k : keys) {
    nlohmann::ordered_json entry = {{"key", k.key}};
    if (k.here) entry["here"] = *k.here;
    if (k.there) entry["there"] = *k.there;
    config.push_back(entry);
  }
  nlohmann::ordered_json out = {{"config", config}};
  if (weights == nullptr) return out;
  for (const WeightDistance& d : weights->both) {
    nlohmann::ordered_json entry = {{"name", d.name}, {"shape", d.shape}};
    if (d.same_shape()) {
      entry["distance"] = std::isfinite(d.relative()) ? nlohmann::ordered_json(d.relative()) : nullptr;
      entry.update({{"cosine", d.cosine()}, {"largest", d.largest}});
    } else {
      entry["other_shape"] = d.other_shape;
    }
    tensors.push_back(entry);
  }
  const WeightDistance total = sum(weights->both);
  out["distance"] = std::isfinite(total.relative()) ? nlohmann::ordered_json(total.relative()) : nullptr;
  out.update({{"tensors", tensors}, {"only_here", weights->only_a}, {"only_there", weights->only_b}});
  return out;
}

std::string config_text(const std::vector<ChangedKey>& keys, const Terminal& terminal) {
  if (keys.empty()) return "The configs are the same.\n";
  int width = 3;
  for (const ChangedKey& k : keys) width = std::max(width, display_width(visible(k.key)));
  width = std::min(width, 40);
  const int room = std::max(12, (terminal.width - width - 4) / 2);
  std::string text =
      styled(terminal.color, "2", pad_right("config", width) + "  " + pad_right("here", room) + "  there") + "\n";
  for (const ChangedKey& k : keys)
    text += pad_right(visible(k.key), width) + "  " + pad_right(value_text(k.here, room), room) + "  " +
            value_text(k.there, room) + "\n";
  return text;
}

std::string weights_text(const WeightComparison& weights, bool all_tensors, const Terminal& terminal) {
  std::vector<const WeightDistance*> changed;
  for (const WeightDistance& d : weights.both)
    if (!d.same_shape() || d.difference > 0) changed.push_back(&d);
  const WeightDistance total = sum(weights.both);
  std::string text = fmt::format("{} tensors in both, {} of them the same", thousands(std::ssize(weights.both)),
                                 thousands(std::ssize(weights.both) - std::ssize(changed)));
  if (total.difference > 0)
    text += fmt::format("; the distance of all numbers is {:.2f} % of their length", 100 * total.relative());
  text += "\n";
  const auto only = [&](const std::vector<std::string>& names, const char* where) {
    if (names.empty()) return;
    text += fmt::format("{} only {}: {}{}\n", thousands(std::ssize(names)), where, visible(names.front()),
                        names.size() > 1 ? ", …" : "");
  };
  only(weights.only_a, "here");
  only(weights.only_b, "there");
  if (changed.empty()) return text;
  constexpr size_t most = 20;
  const bool cut = !all_tensors && changed.size() > most;
  if (cut) {
    std::stable_sort(changed.begin(), changed.end(), [](const auto* a, const auto* b) {
      if (a->same_shape() != b->same_shape()) return b->same_shape();
      return a->relative() > b->relative();
    });
    changed.resize(most);
  }
  int width = 6;
  for (const WeightDistance* d : changed) width = std::max(width, display_width(visible(d->name)));
  text += "\n" + styled(terminal.color, "2", pad_right("tensor", width) + "  distance   cosine  largest") + "\n";
  for (const WeightDistance* d : changed) {
    text += pad_right(visible(d->name), width);
    if (d->same_shape()) {
      text += fmt::format("{:>8.2f} %{:>9.5f}{:>9.2g}\n", 100 * d->relative(), d->cosine(), d->largest);
    } else {
      text += "  " + shape_text(d->shape) + " here, " + shape_text(d->other_shape) + " there\n";
    }
  }
  if (cut) text += styled(terminal.color, "2", "the most distant ones; --tensors shows all") + "\n";
  return text;
}

}  // namespace

void print_difference(Context& context, const InspectedModel& here, const InspectedModel& there, bool all_tensors) {
  const std::vector<ChangedKey> keys = changed_keys(here.checkpoint.config, there.checkpoint.config);
  std::optional<WeightComparison> weights;
  if (here.weights && there.weights) {
    const InterruptGuard guard;
    const Terminal& terminal = context.err_terminal;
    Progress progress("Comparing the weights", terminal.interactive && !context.options.quiet, terminal.width);
    ThreadPool pool(static_cast<int>(context.options.threads.value_or(available_cores())));
    weights = compare_weights({*here.family, here.spec, here.checkpoint}, {*there.family, there.spec, there.checkpoint},
                              pool, [&](double part) {
                                stop_if_interrupted();
                                progress.update(part);
                              });
  }
  if (context.options.json) return context.print_json(document(keys, weights ? &*weights : nullptr));
  const Terminal& terminal = context.out_terminal;
  std::string text = styled(terminal.color, "2",
                            "here:  " + visible(here.path.string()) + "\nthere: " + visible(there.path.string())) +
                     "\n\n" + config_text(keys, terminal);
  text += "\n" + (weights ? weights_text(*weights, all_tensors, terminal)
                          : std::string("Not both have weights: there is no more to compare.\n"));
  context.out.write(text);
}

}  // namespace foretell::cli
