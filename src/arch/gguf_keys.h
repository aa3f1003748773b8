// The metadata of one GGUF architecture.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "arch/config_reader.h"
#include "checkpoint/gguf.h"

namespace foretell {

// "llama.block_count" by the name "block_count". Remembers which keys were asked for. The file outlives it.
class ModelKeys {
 public:
  ModelKeys(const GgufFile& file, std::string_view architecture);

  bool has(std::string_view key) const { return reader_.has(asked(key)); }
  int64_t integer(std::string_view key) const { return reader_.integer(asked(key)); }
  int64_t integer_or(std::string_view key, int64_t fallback, int64_t least = 1) const {
    return reader_.integer_or(asked(key), fallback, least);
  }
  double number_or(std::string_view key, double fallback) const { return reader_.number_or(asked(key), fallback); }
  bool flag_or(std::string_view key, bool fallback) const { return reader_.flag_or(asked(key), fallback); }
  std::string text_or(std::string_view key, std::string_view fallback) const {
    return reader_.text_or(asked(key), fallback);
  }
  // A number, or a list of one for each layer, which have to be equal where they are not 0 (layers without attention).
  int64_t uniform(std::string_view key) const;
  // One for each layer: a number stands for all.
  std::vector<int64_t> each_layer(std::string_view key, int64_t layers) const;
  // The same of flags; empty where the key is absent or no list.
  std::vector<bool> layer_flags(std::string_view key, int64_t layers) const;
  // Absent, or a value that changes nothing.
  void only(std::string_view key, const Json& neutral) const { reader_.only(asked(key), neutral); }
  // Throws Error where a key that would change the result is there, and nobody has asked for it.
  void refuse_unasked() const;

  Error error(std::string_view key, std::string what, std::string expected, std::string found) const {
    return reader_.error(name(key), std::move(what), std::move(expected), std::move(found));
  }
  bool has_tensor(std::string_view name) const { return find_tensor(name) != nullptr; }
  const TensorView* find_tensor(std::string_view name) const;

 private:
  std::string name(std::string_view key) const { return prefix_ + std::string(key); }
  std::string asked(std::string_view key) const;

  const GgufFile& file_;
  ConfigReader reader_;
  std::string prefix_;
  mutable std::set<std::string, std::less<>> asked_;
};

}  // namespace foretell
