#include "checkpoint/quantization.h"

#include <algorithm>
#include <array>

#include "foretell/error.h"

namespace foretell {
namespace {

constexpr std::array known_bits = {2, 3, 4, 5, 6, 8};
constexpr std::array known_group_sizes = {32, 64, 128};

Error config_error(const Checkpoint& checkpoint, std::string key, std::string what, std::string expected,
                   std::string found) {
  return Error({.what = std::move(what),
                .file = checkpoint.config_file().string(),
                .where = std::move(key),
                .expected = std::move(expected),
                .found = std::move(found)});
}

template <size_t N>
int one_of(const Checkpoint& checkpoint, const Json& object, const std::string& key, const char* name,
           const std::array<int, N>& known) {
  std::string names;
  for (const int value : known) names += (names.empty() ? "" : ", ") + std::to_string(value);
  const auto it = object.find(name);
  if (it == object.end()) throw config_error(checkpoint, key + "." + name, "key is missing", "one of " + names, {});
  for (const int value : known)
    if (it->is_number_integer() && *it == value) return value;
  throw config_error(checkpoint, key + "." + name, "unknown quantization", "one of " + names, it->dump());
}

LayerQuantization read_layout(const Checkpoint& checkpoint, const Json& object, std::string key) {
  const auto mode = object.find("mode");
  if (mode != object.end() && *mode != "affine")
    throw config_error(checkpoint, key + ".mode", "unknown quantization mode", "\"affine\"", mode->dump());
  LayerQuantization layer;
  layer.kind = LayerQuantization::Kind::Required;
  layer.bits = one_of(checkpoint, object, key, "bits", known_bits);
  layer.group_size = one_of(checkpoint, object, key, "group_size", known_group_sizes);
  layer.key = std::move(key);
  return layer;
}

// The object that describes the quantization and its key, or null.
std::pair<const Json*, std::string> description(const Checkpoint& checkpoint) {
  for (const char* key : {"quantization", "quantization_config"}) {
    const auto it = checkpoint.config.find(key);
    if (it == checkpoint.config.end() || it->is_null()) continue;
    if (!it->is_object()) throw config_error(checkpoint, key, "unexpected value", "an object", it->dump());
    return {&*it, key};
  }
  return {nullptr, {}};
}

}  // namespace

LayerQuantization layer_quantization(const Checkpoint& checkpoint, const std::string& layer) {
  const auto [object, key] = description(checkpoint);
  if (object == nullptr) return {};
  const std::string layer_key = key + "." + layer;
  const auto own = object->find(layer);
  if (own != object->end() && own->is_object()) return read_layout(checkpoint, *own, layer_key);
  if (own != object->end() && !own->is_boolean())
    throw config_error(checkpoint, layer_key, "unexpected value", "an object, true or false", own->dump());
  if (own != object->end() && !own->get<bool>()) return {.key = layer_key};
  LayerQuantization common = read_layout(checkpoint, *object, key);
  if (own == object->end()) common.kind = LayerQuantization::Kind::Possible;
  return common;
}

void check_quantization_method(const Checkpoint& checkpoint) {
  const auto [object, key] = description(checkpoint);
  if (object == nullptr) return;
  const auto method = object->find("quant_method");
  if (method == object->end()) return;
  throw config_error(checkpoint, key + ".quant_method", "unknown quantization method",
                     "affine groups as MLX writes them (bits, group_size)", method->dump());
}

}  // namespace foretell
