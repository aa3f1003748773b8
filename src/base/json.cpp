#include "base/json.h"

#include "base/mapped_file.h"
#include "foretell/error.h"

namespace foretell {

Json parse_json(std::string_view text, const std::filesystem::path& source) {
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
