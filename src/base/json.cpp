#include "base/json.h"

#include <algorithm>

#include "base/mapped_file.h"

namespace foretell {

Error invalid_json(const std::filesystem::path& source, size_t byte, std::string_view problem) {
  if (problem.starts_with('[')) problem.remove_prefix(std::min(problem.find(']') + 2, problem.size()));  // its number
  return Error({.what = "not valid JSON",
                .file = source.string(),
                .where = "byte " + std::to_string(byte),
                .found = std::string(problem)});
}

void check_no_nul(std::string_view text, const std::filesystem::path& source) {
  const size_t position = text.find('\0');
  if (position != std::string_view::npos) throw invalid_json(source, position + 1, "a NUL byte");
}

Json parse_json(std::string_view text, const std::filesystem::path& source) {
  check_no_nul(text, source);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    throw invalid_json(source, e.byte, e.what());
  } catch (const nlohmann::json::exception& e) {  // a number that no double holds
    throw Error({.what = "not valid JSON", .file = source.string(), .found = e.what()});
  }
}

Json read_json_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

}  // namespace foretell
