// Published chat templates, against what transformers renders of them (tests/golden/chat, and the larger set where it
// is found).
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "cli/run.h"
#include "foretell/error.h"
#include "template/chat_template.h"

using namespace foretell;
using OrderedJson = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

// The clock of the reference stood at 2026-01-02 03:04:05, local time.
std::chrono::system_clock::time_point reference_clock() {
  std::tm time = {};
  time.tm_year = 126, time.tm_mon = 0, time.tm_mday = 2, time.tm_hour = 3, time.tm_min = 4, time.tm_sec = 5;
  time.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&time));
}

ChatVariables variables_of(const OrderedJson& given) {
  ChatVariables variables{.now = reference_clock()};
  for (const auto& [key, value] : given.items()) {
    const bool words = key == "messages" || key == "tools" || key == "documents";
    (words ? variables.conversation : variables.settings)[key] = value;
  }
  return variables;
}

std::string rendered(const ChatTemplate& chat, const OrderedJson& given) {
  try {
    return joined(chat.render(variables_of(given)));
  } catch (const Error& error) {
    return "error: " + error.parts().what;
  }
}

void check_folder(const fs::path& folder) {
  size_t templates = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    templates++;
    const ChatTemplate chat(test::read_file(entry.path()), entry.path().filename().string());
    const fs::path cases = fs::path(entry.path()).replace_extension(".json");
    size_t number = 0;
    for (const OrderedJson& one : OrderedJson::parse(test::read_file(cases))) {
      INFO(entry.path().filename().string() << ", case " << number++);
      const std::string expected =
          one.contains("error") ? "error: " + one["error"].get<std::string>() : one["text"].get<std::string>();
      CHECK(rendered(chat, one["case"]) == expected);
    }
  }
  CHECK(templates > 0);
}

}  // namespace

TEST_CASE("chat templates: published ones render as the reference does") {
  check_folder(fs::path(FORETELL_SOURCE_DIR) / "tests/golden/chat");
}
