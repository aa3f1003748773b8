// What config.json says about quantization. Affine-quantized layers, in the form that MLX writes:
//   "quantization": {"group_size": 64, "bits": 4, "mode": "affine", LAYER: {"group_size": 32, "bits": 8}, LAYER: false}
// or the same under "quantization_config". Other methods have a "quant_method" there (quantized_formats.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "foretell/error.h"

namespace foretell {

// The object under "quantization" or "quantization_config", with errors that name key and value.
class QuantizationConfig {
 public:
  // Nothing where config.json speaks of no quantization. `checkpoint` outlives it.
  static std::optional<QuantizationConfig> of(const Checkpoint& checkpoint);

  const Json& object() const { return *object_; }
  const std::string& key() const { return key_; }
  // quant_method, in small letters; empty where it is not said (as MLX writes it).
  std::string method() const;

  // The value of a key, which is null or missing: nothing. Throws Error for values of another type.
  std::optional<int64_t> integer(const char* name) const;
  std::optional<std::string> text(const char* name) const;
  bool flag(const char* name) const;                                  // false where it is missing
  std::optional<std::vector<int64_t>> sizes(const char* name) const;  // a list of positive numbers
  // One of `known`; what is missing is an error, too, unless `otherwise` is given.
  int64_t one_of(const char* name, const std::vector<int64_t>& known) const;
  std::string one_of(const char* name, const std::vector<std::string>& known, const char* otherwise) const;

  // About the value of a key, or all of the object where `name` is empty.
  Error error(const std::string& name, std::string what, std::string expected) const;

 private:
  QuantizationConfig(const Checkpoint& checkpoint, const Json& object, std::string key)
      : checkpoint_(&checkpoint), object_(&object), key_(std::move(key)) {}
  const Json* find(const char* name) const;

  const Checkpoint* checkpoint_;
  const Json* object_;
  std::string key_;
};

struct LayerQuantization {
  enum class Kind {
    None,      // config.json speaks of no quantization, or says that this layer has none
    Possible,  // the layer is quantized so if it has scales
    Required,  // the layer is quantized so
  };
  Kind kind = Kind::None;
  int bits = 0, group_size = 0;
  std::string key;  // where it is said, for errors: "quantization.model.embed_tokens"
};

// Of a layer, by the name of its weight without ".weight". Throws Error where the config says what is unknown.
LayerQuantization layer_quantization(const Checkpoint& checkpoint, const std::string& layer);

}  // namespace foretell
