#include "arch/config_reader.h"

#include <cmath>

namespace foretell {

ConfigReader::ConfigReader(const Json& object, std::filesystem::path file, std::string where)
    : object_(&object), file_(std::move(file)), where_(std::move(where)) {
  if (object.is_object()) return;
  throw Error({.what = "not a JSON object",
               .file = file_.string(),
               .where = where_.substr(0, where_.rfind('.')),
               .expected = "an object",
               .found = object.type_name()});
}

const Json* ConfigReader::find(std::string_view key) const {
  const auto it = object_->find(key);
  return it == object_->end() || it->is_null() ? nullptr : &*it;
}

const Json& ConfigReader::at(std::string_view key, std::string_view expected) const {
  if (const Json* value = find(key)) return *value;
  throw error(key, "a key is missing", std::string(expected), "nothing");
}

Error ConfigReader::error(std::string_view key, std::string what, std::string expected, std::string found) const {
  return Error({.what = std::move(what),
                .file = file_.string(),
                .where = where_ + std::string(key),
                .expected = std::move(expected),
                .found = std::move(found)});
}

int64_t ConfigReader::integer(std::string_view key, int64_t least) const {
  constexpr int64_t most = int64_t{1} << 40;  // far beyond any model
  const std::string expected = "a whole number from " + std::to_string(least);
  const Json& value = at(key, expected);
  if (value.is_number_float()) {  // some folders write 4096.0
    const double number = value.get<double>();
    if (number == std::floor(number) && number >= static_cast<double>(least) && number <= static_cast<double>(most))
      return static_cast<int64_t>(number);
  } else if (value.is_number_integer()) {
    const bool fits = value.is_number_unsigned() ? value.get<uint64_t>() <= static_cast<uint64_t>(most) : true;
    if (fits && value.get<int64_t>() >= least && value.get<int64_t>() <= most) return value.get<int64_t>();
  }
  throw error(key, "a value is out of range", expected, value.dump());
}

int64_t ConfigReader::integer_or(std::string_view key, int64_t fallback, int64_t least) const {
  return has(key) ? integer(key, least) : fallback;
}

double ConfigReader::number(std::string_view key) const {
  const Json& value = at(key, "a number");
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    throw error(key, "a value is no number", "a number", value.dump());
  return value.get<double>();
}

double ConfigReader::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool ConfigReader::flag_or(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) throw error(key, "a value is no flag", "true or false", value->dump());
  return value->get<bool>();
}

std::string ConfigReader::text(std::string_view key) const {
  const Json& value = at(key, "a text");
  if (!value.is_string()) throw error(key, "a value is no text", "a text", value.dump());
  return value.get<std::string>();
}

std::string ConfigReader::text_or(std::string_view key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string(fallback);
}

std::vector<std::string> ConfigReader::texts(std::string_view key) const {
  std::vector<std::string> list;
  const Json* value = find(key);
  if (value == nullptr) return list;
  if (!value->is_array()) throw error(key, "a value is no list", "a list of texts", value->dump());
  for (const Json& item : *value) {
    if (!item.is_string()) throw error(key, "a value is no list of texts", "a list of texts", item.dump());
    list.push_back(item.get<std::string>());
  }
  return list;
}

std::vector<double> ConfigReader::numbers(std::string_view key) const {
  std::vector<double> list;
  const Json* value = find(key);
  if (value == nullptr) return list;
  if (!value->is_array()) throw error(key, "a value is no list", "a list of numbers", value->dump());
  for (const Json& item : *value) {
    if (!item.is_number() || !std::isfinite(item.get<double>()))
      throw error(key, "a value is no list of numbers", "a list of numbers", item.dump());
    list.push_back(item.get<double>());
  }
  return list;
}

std::vector<int64_t> ConfigReader::integers(std::string_view key) const {
  std::vector<int64_t> list;
  const Json* value = find(key);
  if (value == nullptr) return list;
  if (!value->is_array()) throw error(key, "a value is no list", "a list of whole numbers", value->dump());
  for (const Json& item : *value) {
    if (!item.is_number_integer())
      throw error(key, "a value is no list of whole numbers", "a list of whole numbers", item.dump());
    list.push_back(item.get<int64_t>());
  }
  return list;
}

std::string_view ConfigReader::one_key(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys)
    if (has(key)) return key;
  return *keys.begin();
}

std::optional<ConfigReader> ConfigReader::object(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  return ConfigReader(*value, file_, where_ + std::string(key) + ".");
}

void ConfigReader::only(std::string_view key, const Json& value) const {
  const Json* found = find(key);
  if (found != nullptr && *found != value)
    throw error(key, "an option that is not supported", value.dump(), found->dump());
}

}  // namespace foretell
