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

void read_number(SamplingOptions& options, const SamplingParameter& parameter, const Json& value,
                 std::string_view key) {
  if (!value.is_number() || !parameter.contains(value.get<double>())) refuse(key, parameter.range(), value);
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

std::vector<LogitBias> bad_words_of(const Json& value, std::span<const TokenId> ends) {
  constexpr auto expected = "a list of lists of token ids";
  if (!value.is_array()) refuse("bad_words_ids", expected, value);
  std::vector<LogitBias> biases;
  for (const Json& entry : value) {
    if (!entry.is_array() || entry.empty()) refuse("bad_words_ids", expected, entry);
    std::vector<TokenId> ids = ids_of(entry, "bad_words_ids");
    // transformers lets a text end all the same.
    if (ids.size() == 1 && std::find(ends.begin(), ends.end(), ids[0]) != ends.end()) continue;
    biases.push_back({std::move(ids), -std::numeric_limits<double>::infinity()});
  }
  return biases;
}

void read_flag(SamplingOptions& options, std::string_view flag, const Json& value, std::string_view key) {
  for (const SamplingParameter& parameter : sampling_parameters()) {
    if (parameter.flag == flag) read_number(options, parameter, value, key);
  }
}

void read_watermark(SamplingOptions& options, const Json& config) {
  constexpr std::string_view key = "watermarking_config";
  if (!config.is_object()) refuse(key, "an object", config);
  const auto scheme = config.value("seeding_scheme", Json("lefthash"));
  if (scheme != "lefthash" && scheme != "selfhash") refuse(key, "lefthash or selfhash", scheme);
  options.watermark_self_hash = scheme == "selfhash" ? 1 : 0;
  read_flag(options, "watermark-bias", config.value("bias", Json(2.0)), key);
  read_flag(options, "watermark-ratio", config.value("greenlist_ratio", Json(0.25)), key);
  read_flag(options, "watermark-key", config.value("hashing_key", Json(15485863)), key);
  read_flag(options, "watermark-context", config.value("context_width", Json(1)), key);
}

// The settings that are no single number.
void read_structures(SamplingOptions& options, const Json& config, std::span<const TokenId> ends) {
  if (const Json* ids = find(config, "suppress_tokens")) options.suppress = ids_of(*ids, "suppress_tokens");
  if (const Json* ids = find(config, "begin_suppress_tokens"))
    options.begin_suppress = ids_of(*ids, "begin_suppress_tokens");
  if (const Json* biases = find(config, "sequence_bias")) options.logit_bias = biases_of(*biases);
  if (const Json* words = find(config, "bad_words_ids")) {
    for (LogitBias& bias : bad_words_of(*words, ends)) options.logit_bias.push_back(std::move(bias));
  }
  if (const Json* id = find(config, "forced_bos_token_id")) {
    if (!id->is_number()) refuse("forced_bos_token_id", "a token id", *id);
    options.forced_first =
        ForcedToken{.id = ids_of(*id, "forced_bos_token_id").front(), .after = ForcedToken::After::OneToken};
  }
  if (const Json* ids = find(config, "forced_eos_token_id")) options.forced_last = ids_of(*ids, "forced_eos_token_id");
  if (const Json* watermark = find(config, "watermarking_config")) read_watermark(options, *watermark);
  constexpr std::string_view decay = "exponential_decay_length_penalty";
  if (const Json* pair = find(config, decay)) {
    if (!pair->is_array() || pair->size() != 2) refuse(decay, "[start, factor]", *pair);
    read_flag(options, "length-decay-start", (*pair)[0], decay);
    read_flag(options, "length-decay-factor", (*pair)[1], decay);
  }
}

BeamOptions read_beams(const Json& config) {
  BeamOptions beams;
  const auto number = [&](std::string_view key, double& value, double least) {
    const Json* found = find(config, key);
    if (!found) return;
    if (!found->is_number() || found->get<double>() < least)
      refuse(key, least < 0 ? "a number" : "a number of at least 0", *found);
    value = found->get<double>();
  };
  number("length_penalty", beams.length_penalty, std::numeric_limits<double>::lowest());
  number("diversity_penalty", beams.diversity_penalty, 0);
  if (const Json* groups = find(config, "num_beam_groups")) {
    if (!groups->is_number_integer() || *groups < 1) refuse("num_beam_groups", "a number of at least 1", *groups);
    beams.groups = groups->get<int64_t>();
  }
  if (const Json* early = find(config, "early_stopping")) {
    if (!early->is_boolean() && *early != "never") refuse("early_stopping", "true, false or \"never\"", *early);
    beams.early_stopping = early->is_string()   ? EarlyStopping::Never
                           : early->get<bool>() ? EarlyStopping::Yes
                                                : EarlyStopping::No;
  }
  return beams;
}

// transformers' default of top_k, and what its generate() takes where nobody says whether to sample.
constexpr int64_t usual_top_k = 50;

// Contrastive search, where transformers 4.49 would do it (GenerationConfig.get_generation_mode). `notes`: why not.
std::optional<ContrastiveSearch> read_contrastive(const Json& config, bool sampled, std::vector<std::string>& notes) {
  constexpr std::string_view key = "penalty_alpha";
  const Json* alpha = find(config, key);
  if (!alpha) return {};
  if (!alpha->is_number() || *alpha < 0 || *alpha > 1) refuse(key, "a number from 0 to 1", *alpha);
  ContrastiveSearch search{.penalty_alpha = alpha->get<double>(), .top_k = usual_top_k};
  if (const auto k = config.find("top_k"); k != config.end())
    search.top_k = k->is_number_integer() ? k->get<int64_t>() : 0;
  const Json* beams = find(config, "num_beams");
  std::string because;
  if (sampled) {
    because = "do_sample is true";
  } else if (beams && *beams != 1) {
    because = "num_beams is " + beams->dump();
  } else if (search.top_k < 2) {
    because = "top_k is not above 1";
  }
  if (search.penalty_alpha == 0) return {};
  if (because.empty()) return search;
  notes.push_back("generation_config.json: penalty_alpha is ignored, as " + because);
  return {};
}

std::optional<DolaLayers> read_dola(const Json& config) {
  constexpr std::string_view key = "dola_layers";
  const Json* layers = find(config, key);
  if (!layers) return {};
  if (*layers == "low") return DolaLayers{DolaLayers::Part::Low};
  if (*layers == "high") return DolaLayers{DolaLayers::Part::High};
  DolaLayers listed{DolaLayers::Part::Listed};
  if (!layers->is_array() || layers->empty()) refuse(key, "low, high or a list of layers", *layers);
  for (const Json& layer : *layers) {
    if (!layer.is_number_integer() || layer < 0) refuse(key, "layers counted from 0", layer);
    listed.listed.push_back(layer.get<int64_t>());
  }
  return listed;
}

// Settings that say nothing about what is generated, or that are read elsewhere.
bool is_silent(std::string_view key) {
  constexpr std::array silent = {"do_sample",       "eos_token_id",         "bos_token_id",
                                 "pad_token_id",    "transformers_version", "use_cache",
                                 "suppress_tokens", "sequence_bias",        "begin_suppress_tokens",
                                 "bad_words_ids",   "forced_bos_token_id",  "forced_eos_token_id",
                                 "token_healing",   "watermarking_config",  "exponential_decay_length_penalty",
                                 "length_penalty",  "diversity_penalty",    "num_beam_groups",
                                 "early_stopping",  "penalty_alpha",        "dola_layers"};
  return key.starts_with('_') || std::find(silent.begin(), silent.end(), key) != silent.end();
}

struct Settings {
  SamplingOptions values;  // the samplers that generation_config.json sets, the others off
  bool chooses = false;    // some of them are about the draw
  std::vector<std::string> notes;
};

Settings read_settings(const Json& generation_config, bool use_draw, bool contrastive) {
  Settings settings;
  if (!generation_config.is_object()) return settings;
  for (const auto& [key, value] : generation_config.items()) {
    if (value.is_null() || is_silent(key)) continue;
    const auto parameters = sampling_parameters();
    const auto parameter =
        std::find_if(parameters.begin(), parameters.end(), [&k = key](const auto& p) { return p.config_key == k; });
    if (key == "num_beams") {
      if (value != 1) settings.notes.push_back("generation_config.json: num_beams is left to --beams");
    } else if (parameter == parameters.end()) {
      settings.notes.push_back("generation_config.json: " + key + " is ignored");
    } else if (parameter->draw_only && !use_draw) {
      if (contrastive && key == "top_k") continue;
      settings.notes.push_back("generation_config.json: " + key + " is ignored, as do_sample is false");
    } else {
      read_number(settings.values, *parameter, value, key);
      settings.chooses |= parameter->draw_only;
    }
  }
  return settings;
}

}  // namespace

GenerationDefaults generation_defaults(const Json& generation_config, const Json& config) {
  const Json* do_sample = find(generation_config, "do_sample");
  if (do_sample && !do_sample->is_boolean()) refuse("do_sample", "true or false", *do_sample);
  const bool greedy = do_sample && !do_sample->get<bool>();
  GenerationDefaults defaults;
  std::vector<std::string> strategy_notes;
  defaults.contrastive = read_contrastive(generation_config, do_sample && !greedy, strategy_notes);
  defaults.dola = read_dola(generation_config);
  if (defaults.contrastive && defaults.dola)
    throw Error({.what = "generation_config.json: penalty_alpha and dola_layers do not go together"});
  Settings settings = read_settings(generation_config, !greedy, defaults.contrastive.has_value());
  const auto ids = [&](std::string_view key) {
    const Json* value = find(generation_config, key);
    if (!value) value = find(config, key);
    if (const Json* text = find(config, "text_config"); !value && text) value = find(*text, key);
    return value ? ids_of(*value, key) : std::vector<TokenId>{};
  };
  settings.values.end_ids = ids("eos_token_id");
  read_structures(settings.values, generation_config, settings.values.end_ids);

  defaults.notes = std::move(settings.notes);
  defaults.notes.insert(defaults.notes.end(), strategy_notes.begin(), strategy_notes.end());
  defaults.if_asked = settings.values;
  const bool recommended = settings.chooses || (do_sample && !greedy);
  // transformers' default where it samples (GenerationConfig._get_default_generation_params)
  if (recommended && !find(generation_config, "top_k")) defaults.if_asked.top_k = usual_top_k;
  defaults.sampling = defaults.if_asked;
  if (greedy) {
    defaults.sampling.temperature = 0;
    if (!defaults.contrastive)
      defaults.notes.push_back("generation_config.json: do_sample is false: the most probable token is taken");
  } else if (!recommended) {
    defaults.sampling.temperature = 0.8;
    defaults.sampling.top_k = 40;
    defaults.sampling.top_p = 0.95;
    defaults.sampling.min_p = 0.05;
  }
  defaults.beams = read_beams(generation_config);
  defaults.bos_ids = ids("bos_token_id");
  if (const Json* healing = find(generation_config, "token_healing")) {
    if (!healing->is_boolean()) refuse("token_healing", "true or false", *healing);
    defaults.token_healing = healing->get<bool>();
  }
  return defaults;
}

}  // namespace foretell
