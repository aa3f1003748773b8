#include "base/json.h"

#include "base/mapped_file.h"
#include "foretell/error.h"

namespace foretell {

void check_no_nul(std::string_view text, const std::filesystem::path& source) {
  const size_t position = text.find('\0');
  if (position == std::string_view::npos) return;
  throw Error({.what = "not valid JSON",
               .file = source.string(),
               .where = "byte " + std::to_string(position + 1),
               .found = "a NUL byte"});
}

Json parse_json(std::string_view text, const std::filesystem::path& source) {
  check_no_nul(text, source);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    throw Error({.what = "not valid JSON",
                 .file = source.string(),
                 .where = "byte " + std::to_string(e.byte),
                 .found = e.what()});
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
