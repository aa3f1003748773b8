// For scripts/check-templates: renders what stands in each line of standard input, {"template", "conversation",
// "settings"}, and prints {"text"} or {"error"}.
#include <ctime>
#include <iostream>
#include <string>

#include "foretell/error.h"
#include "template/chat_template.h"

int main() {
  using Json = nlohmann::ordered_json;
  for (std::string line; std::getline(std::cin, line);) {
    const Json request = Json::parse(line);
    Json answer;
    try {
      const foretell::ChatTemplate chat(request["template"].get<std::string>(), "template");
      foretell::ChatVariables variables{.conversation = request["conversation"], .settings = request["settings"]};
      variables.now = std::chrono::system_clock::from_time_t(request.value("now", std::time_t{0}));
      answer["text"] = joined(chat.render(variables));
    } catch (const foretell::Error& error) {
      answer["error"] = error.parts().what;
    }
    std::cout << answer.dump() << std::endl;
  }
}
