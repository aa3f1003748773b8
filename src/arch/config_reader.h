// config.json with types: every value is checked as it is read, and an error names the file and the key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "foretell/error.h"

namespace foretell {

// A view of one object of a config; the object must outlive it. A key that is absent or null counts as not there.
class ConfigReader {
 public:
  ConfigReader(const Json& object, std::filesystem::path file, std::string where = {});

  bool has(std::string_view key) const { return find(key) != nullptr; }
  // There, be it null: some keys mean one thing where they are absent and another where they are null.
  bool mentions(std::string_view key) const { return object_->contains(key); }

  // The first of these keys that is there, or else the first: for keys with several names.
  std::string_view one_key(std::initializer_list<std::string_view> keys) const;

  // A whole number of at least `least`. The first form throws where it is not there.
  int64_t integer(std::string_view key, int64_t least = 1) const;
  int64_t integer_or(std::string_view key, int64_t fallback, int64_t least = 1) const;
  double number(std::string_view key) const;
  double number_or(std::string_view key, double fallback) const;
  bool flag_or(std::string_view key, bool fallback) const;
  std::string text(std::string_view key) const;
  std::string text_or(std::string_view key, std::string_view fallback) const;
  std::vector<std::string> texts(std::string_view key) const;  // empty where not there
  std::vector<double> numbers(std::string_view key) const;     // empty where not there
  std::vector<int64_t> integers(std::string_view key) const;   // empty where not there
  std::optional<ConfigReader> object(std::string_view key) const;

  // One of a list of names, as a value: one_of<Activation>("hidden_act", "silu", {{"silu", Activation::Silu}, ...}).
  template <class T>
  T one_of(std::string_view key, std::string_view fallback,
           std::initializer_list<std::pair<std::string_view, T>> choices) const {
    const std::string value = text_or(key, fallback);
    std::string names;
    for (const auto& [name, choice] : choices) {
      if (name == value) return choice;
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    throw error(key, "unknown value", "one of " + names, "\"" + value + "\"");
  }

  // As it stands, for keys with a shape of their own; null where it is not there.
  const Json* value(std::string_view key) const { return find(key); }

  // The key must be absent or have this value: for options that the program does not have.
  void only(std::string_view key, const Json& value) const;

  Error error(std::string_view key, std::string what, std::string expected, std::string found) const;
  const std::filesystem::path& file() const { return file_; }

 private:
  const Json* find(std::string_view key) const;
  const Json& at(std::string_view key, std::string_view expected) const;

  const Json* object_;
  std::filesystem::path file_;
  std::string where_;  // "rope_scaling." for a nested object
};

}  // namespace foretell
