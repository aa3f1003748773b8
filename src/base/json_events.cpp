#include "base/json_events.h"

namespace foretell {

bool JsonEvents::unexpected(std::string found) const { throw error("unexpected value", expected(), std::move(found)); }

Error JsonEvents::error(std::string what, std::string expected, std::string found) const {
  return Error({.what = std::move(what),
                .file = file_.string(),
                .where = place(),
                .expected = std::move(expected),
                .found = std::move(found)});
}

bool JsonEvents::parse_error(size_t byte, const std::string& last, const nlohmann::detail::exception& problem) {
  constexpr int number_overflow = 406;  // nlohmann's out_of_range.406
  if (problem.id == number_overflow) throw error("number is out of range", "what a double holds", last);
  throw invalid_json(file_, byte, problem.what());
}

void parse_json_events(std::string_view text, const std::filesystem::path& source, JsonEvents& handler) {
  check_no_nul(text, source);
  Json::sax_parse(text, &handler);
}

}  // namespace foretell
