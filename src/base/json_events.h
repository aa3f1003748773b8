// A JSON text as a stream of events, for documents that are large or whose keys must not repeat.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/json.h"
#include "foretell/error.h"

namespace foretell {

// nlohmann's SAX interface in which every event is an error until it is overridden; `expected()` says what would have
// been right at this place. Handlers throw Error, and return true.
class JsonEvents : public nlohmann::json_sax<Json> {
 public:
  explicit JsonEvents(std::filesystem::path file) : file_(std::move(file)) {}

  bool null() override { return unexpected("null"); }
  bool boolean(bool value) override { return unexpected(value ? "true" : "false"); }
  bool number_integer(int64_t value) override { return unexpected(std::to_string(value)); }
  bool number_unsigned(uint64_t value) override { return unexpected(std::to_string(value)); }
  bool number_float(double, const std::string& text) override { return unexpected(text); }
  bool string(std::string& text) override { return unexpected("\"" + text + "\""); }
  bool binary(Json::binary_t&) override { return unexpected("bytes"); }
  bool start_object(size_t) override { return unexpected("an object"); }
  bool key(std::string& text) override { return unexpected("\"" + text + "\""); }
  bool end_object() override { return unexpected("the end of an object"); }
  bool start_array(size_t) override { return unexpected("an array"); }
  bool end_array() override { return unexpected("the end of an array"); }
  bool parse_error(size_t byte, const std::string& last, const nlohmann::detail::exception& problem) override;

 protected:
  virtual std::string place() const = 0;     // where the document has been read to: a key, a path
  virtual std::string expected() const = 0;  // what may come there
  bool unexpected(std::string found) const;
  Error error(std::string what, std::string expected, std::string found) const;

 private:
  std::filesystem::path file_;
};

// Throws Error where the text is not JSON, or not what the handler takes.
void parse_json_events(std::string_view text, const std::filesystem::path& source, JsonEvents& handler);

}  // namespace foretell
