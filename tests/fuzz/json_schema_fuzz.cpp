// Any bytes: a JSON schema is read and tried, or an Error says why not.
#include "fuzz/grammar_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  foretell::test::try_grammar(data, size, [](std::string_view text) { return foretell::Grammar::json_schema(text); });
  return 0;
}
