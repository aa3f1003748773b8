#include "generate/defaults.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sampling/parameters.h"

namespace foretell {
namespace {

const Json* find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

[[noreturn]] void refuse(std::string_view key, const std::string& expected, const Json& found) {
  throw Error({.what = "a setting of generation_config.json cannot be used",
               .where = std::string(key),
               .expected = expected,
               .found = found.dump()});
}

// An id or a list of them.
std::vector<TokenId> ids_of(const Json& value, std::string_view key) {
  std::vector<TokenId> ids;
  for (const Json& id : value.is_array() ? value : Json::array({value})) {
    if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<TokenId>::max()) {
      refuse(key, "a token id or a list of token ids", value);
    }
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

void read_number(SamplingOptions& options, const SamplingParameter& parameter, const Json& value) {
  if (!value.is_number() || !parameter.contains(value.get<double>()))
    refuse(parameter.config_key, parameter.range(), value);
  parameter.set(options, value.get<double>());
}

// transformers' form: [[[ids], bias], ...].
std::vector<LogitBias> biases_of(const Json& value) {
  std::vector<LogitBias> biases;
  constexpr auto expected = "a list of [[token ids], number]";
  if (!value.is_array()) refuse("sequence_bias", expected, value);
  for (const Json& entry : value) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_array() || entry[0].empty() || !entry[1].is_number()) {
      refuse("sequence_bias", expected, entry);
    }
    biases.push_back({ids_of(entry[0], "sequence_bias"), entry[1].get<double>()});
  }
  return biases;
}

// Settings that say nothing about what is generated, or that are read elsewhere.
bool is_silent(std::string_view key) {
  constexpr std::array silent = {"do_sample", "eos_token_id",    "bos_token_id", "pad_token_id", "transformers_version",
                                 "use_cache", "suppress_tokens", "sequence_bias"};
  return key.starts_with('_') || std::find(silent.begin(), silent.end(), key) != silent.end();
}

struct Settings {
  SamplingOptions values;  // the samplers that generation_config.json sets, the others off
  bool chooses = false;    // some of them are about the draw
  std::vector<std::string> notes;
};

Settings read_settings(const Json& generation_config, bool use_draw) {
  Settings settings;
  if (!generation_config.is_object()) return settings;
  for (const auto& [key, value] : generation_config.items()) {
    if (value.is_null() || is_silent(key)) continue;
    const auto parameters = sampling_parameters();
    const auto parameter =
        std::find_if(parameters.begin(), parameters.end(), [&k = key](const auto& p) { return p.config_key == k; });
    if (parameter == parameters.end()) {
      settings.notes.push_back("generation_config.json: " + key + " is ignored");
    } else if (parameter->draw_only && !use_draw) {
      settings.notes.push_back("generation_config.json: " + key + " is ignored, as do_sample is false");
    } else {
      read_number(settings.values, *parameter, value);
      settings.chooses |= parameter->draw_only;
    }
  }
  if (const Json* ids = find(generation_config, "suppress_tokens"))
    settings.values.suppress = ids_of(*ids, "suppress_tokens");
  if (const Json* biases = find(generation_config, "sequence_bias")) settings.values.logit_bias = biases_of(*biases);
  return settings;
}

}  // namespace

GenerationDefaults generation_defaults(const Json& generation_config, const Json& config) {
  const Json* do_sample = find(generation_config, "do_sample");
  if (do_sample && !do_sample->is_boolean()) refuse("do_sample", "true or false", *do_sample);
  const bool greedy = do_sample && !do_sample->get<bool>();
  Settings settings = read_settings(generation_config, !greedy);

  GenerationDefaults defaults;
  defaults.notes = std::move(settings.notes);
  defaults.if_asked = settings.values;
  const bool recommended = settings.chooses || (do_sample && !greedy);
  // transformers' default where it samples (GenerationConfig._get_default_generation_params)
  if (recommended && !find(generation_config, "top_k")) defaults.if_asked.top_k = 50;
  defaults.sampling = defaults.if_asked;
  if (greedy) {
    defaults.sampling.temperature = 0;
    defaults.notes.push_back("generation_config.json: do_sample is false: the most probable token is taken");
  } else if (!recommended) {
    defaults.sampling.temperature = 0.8;
    defaults.sampling.top_k = 40;
    defaults.sampling.top_p = 0.95;
    defaults.sampling.min_p = 0.05;
  }

  const auto ids = [&](std::string_view key) {
    const Json* value = find(generation_config, key);
    if (!value) value = find(config, key);
    if (const Json* text = find(config, "text_config"); !value && text) value = find(*text, key);
    return value ? ids_of(*value, key) : std::vector<TokenId>{};
  };
  defaults.sampling.end_ids = defaults.if_asked.end_ids = ids("eos_token_id");
  defaults.bos_ids = ids("bos_token_id");
  return defaults;
}

}  // namespace foretell
