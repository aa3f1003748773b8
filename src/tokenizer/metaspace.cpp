#include "tokenizer/metaspace.h"

namespace foretell::tokenization {

MetaspaceOptions read_metaspace(const JsonNode& node) {
  using Prepend = MetaspaceOptions::Prepend;
  MetaspaceOptions options;
  options.replacement = node.get("replacement").character();
  options.split = node.boolean("split", true);
  const auto scheme = node.find("prepend_scheme");
  if (scheme) {
    const std::string_view name = scheme->string();
    if (name == "first") {
      options.prepend = Prepend::First;
    } else if (name == "never") {
      options.prepend = Prepend::Never;
    } else if (name != "always") {
      scheme->fail("unknown prepend scheme", {}, "\"" + std::string(name) + "\"");
    }
  }
  // What older files have instead.
  if (!node.boolean("add_prefix_space", true)) {
    if (scheme && options.prepend != Prepend::Never) scheme->fail("contradicts \"add_prefix_space\"", "\"never\"");
    options.prepend = Prepend::Never;
  }
  return options;
}

}  // namespace foretell::tokenization
