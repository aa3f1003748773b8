// docs/sampling.md shows what the code has: its tables are compared with the code's own.
#include <catch2/catch.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "sampling/parameters.h"
#include "sampling/samplers.h"

using namespace foretell;

namespace {

std::string number(double value) { return nlohmann::json(value).dump(); }

std::string row(const SamplingParameter& p) {
  const double value = p.get(SamplingOptions{});
  const std::string off = p.is_integer() ? std::to_string(static_cast<int64_t>(value)) : number(value);
  const std::string key = p.config_key.empty() ? "" : "`" + std::string(p.config_key) + "`";
  return "| `--" + std::string(p.flag) + "` | " + off + " | " + p.range() + " | " + key + " | " + std::string(p.help) +
         " |\n";
}

}  // namespace

TEST_CASE("docs/sampling.md lists the samplers and their numbers as the code has them") {
  std::string table =
      "| flag | without it | takes | in generation_config.json | what it does |\n| --- | --- | --- | --- | --- |\n";
  for (const SamplingParameter& p : sampling_parameters()) table += row(p);
  std::string order;
  for (const std::string& name : default_sampler_order()) order += (order.empty() ? "" : ", ") + name;
  const std::string page = read_text_file(FORETELL_SOURCE_DIR "/docs/sampling.md");
  const bool same = page.ends_with("\n" + table) && page.find("\n    " + order + "\n") != std::string::npos;
  if (!same) std::cout << order << "\n" << table;  // as it has to be
  CHECK(same);
  for (const SamplerKind& kind : sampler_kinds()) {
    INFO(kind.name);
    CHECK(page.find("\n| " + std::string(kind.name) + " | ") != std::string::npos);
  }
}
