// Chat templates: any text is rendered, or refused with an error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "foretell/error.h"
#include "template/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  try {
    const foretell::ChatTemplate chat(source, "fuzz");
    foretell::ChatVariables variables;
    variables.conversation["messages"] = {{{"role", "user"}, {"content", "a<b>c"}},
                                          {{"role", "assistant"}, {"content", nullptr}}};
    variables.settings["bos_token"] = "<s>";
    (void)chat.render(variables);
  } catch (const foretell::Error&) {
  }
  return 0;
}
