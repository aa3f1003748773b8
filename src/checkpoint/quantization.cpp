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

}  // namespace

LayerQuantization layer_quantization(const Checkpoint& checkpoint, const std::string& layer) {
  const auto config = QuantizationConfig::of(checkpoint);
  if (!config || !config->method().empty()) return {};  // other methods' layers are joined when they are opened
  const Json& object = config->object();
  const std::string& key = config->key();
  const std::string layer_key = key + "." + layer;
  const auto own = object.find(layer);
  if (own != object.end() && own->is_object()) return read_layout(checkpoint, *own, layer_key);
  if (own != object.end() && !own->is_boolean())
    throw config_error(checkpoint, layer_key, "unexpected value", "an object, true or false", own->dump());
  if (own != object.end() && !own->get<bool>()) return {.key = layer_key};
  LayerQuantization common = read_layout(checkpoint, object, key);
  if (own == object.end()) common.kind = LayerQuantization::Kind::Possible;
  return common;
}

std::optional<QuantizationConfig> QuantizationConfig::of(const Checkpoint& checkpoint) {
  for (const char* key : {"quantization", "quantization_config", "compression_config"}) {
    const auto it = checkpoint.config.find(key);
    if (it == checkpoint.config.end() || it->is_null()) continue;
    if (!it->is_object()) throw config_error(checkpoint, key, "unexpected value", "an object", it->dump());
    return QuantizationConfig(checkpoint, *it, key);
  }
  return std::nullopt;
}

std::string QuantizationConfig::method() const {
  // bitsandbytes' first folders name no method.
  if (!find("quant_method")) return flag("load_in_4bit") || flag("load_in_8bit") ? "bitsandbytes" : "";
  std::string method = *text("quant_method");
  std::transform(method.begin(), method.end(), method.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return method;
}

const Json* QuantizationConfig::find(const char* name) const {
  const auto it = object_->find(name);
  return it == object_->end() || it->is_null() ? nullptr : &*it;
}

std::optional<int64_t> QuantizationConfig::integer(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) throw error(name, "unexpected value", "a whole number");
  return value->get<int64_t>();
}

std::optional<std::string> QuantizationConfig::text(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw error(name, "unexpected value", "a string");
  return value->get<std::string>();
}

bool QuantizationConfig::flag(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return false;
  if (!value->is_boolean()) throw error(name, "unexpected value", "true or false");
  return value->get<bool>();
}

std::optional<std::vector<int64_t>> QuantizationConfig::sizes(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  std::vector<int64_t> list;
  for (const Json& size : value->is_array() ? *value : Json::array({*value})) {
    if (!size.is_number_integer() || size < 1 || size > (int64_t{1} << 40))
      throw error(name, "unexpected value", "a list of positive numbers");
    list.push_back(size.get<int64_t>());
  }
  return list;
}

int64_t QuantizationConfig::one_of(const char* name, const std::vector<int64_t>& known) const {
  const std::optional<int64_t> value = integer(name);
  if (value && std::find(known.begin(), known.end(), *value) != known.end()) return *value;
  std::string names;
  for (const int64_t number : known) names += (names.empty() ? "" : ", ") + std::to_string(number);
  throw error(name, value ? "unknown quantization" : "key is missing", "one of " + names);
}

std::string QuantizationConfig::one_of(const char* name, const std::vector<std::string>& known,
                                       const char* otherwise) const {
  const std::string value = text(name).value_or(otherwise);
  if (std::find(known.begin(), known.end(), value) != known.end()) return value;
  std::string names;
  for (const std::string& one : known) names += (names.empty() ? "" : ", ") + one;
  throw error(name, "unknown quantization", "one of " + names);
}

Error QuantizationConfig::error(const std::string& name, std::string what, std::string expected) const {
  const Json* value = name.empty() ? object_ : find(name.c_str());
  return config_error(*checkpoint_, name.empty() ? key_ : key_ + "." + name, std::move(what), std::move(expected),
                      value == nullptr ? "" : value->dump());
}

}  // namespace foretell
