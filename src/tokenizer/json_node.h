// A value inside of a tokenizer.json, which knows its place for errors.
#pragma once

#include <simdjson.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foretell::tokenization {

class JsonNode {
 public:
  JsonNode(simdjson::dom::element element, std::string place, const std::filesystem::path* file)
      : element_(element), place_(std::move(place)), file_(file) {}

  // Members of an object. One that is null counts as not there; get() throws where it is not there.
  std::optional<JsonNode> find(std::string_view key) const;
  JsonNode get(std::string_view key) const;
  std::vector<JsonNode> items() const;  // of an array
  std::vector<std::pair<std::string_view, JsonNode>> members() const;

  std::string_view string() const;
  bool boolean() const;
  double number() const;
  int64_t integer(int64_t least, int64_t most) const;
  char32_t character() const;  // a string of one character

  // Options that may be missing.
  bool boolean(std::string_view key, bool otherwise) const;
  std::string string(std::string_view key, std::string_view otherwise) const;

  const simdjson::dom::element& element() const { return element_; }
  const std::string& place() const { return place_; }
  const std::filesystem::path& file() const { return *file_; }
  // A value that is right in form and unknown in meaning.
  [[noreturn]] void fail(const std::string& what, const std::string& expected = {},
                         const std::string& found = {}) const;
  [[noreturn]] void fail_type(const char* expected) const;

 private:
  simdjson::dom::element element_;
  std::string place_;  // "pre_tokenizer.pretokenizers[0].pattern"
  const std::filesystem::path* file_;
};

}  // namespace foretell::tokenization
