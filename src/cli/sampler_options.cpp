#include "cli/sampler_options.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "cli/options.h"
#include "cli/prompt.h"
#include "generate/defaults.h"
#include "sampling/samplers.h"

namespace foretell::cli {
namespace {

constexpr auto group = "Sampling";
const std::vector<std::string> default_breakers = {"\n", ":", "\"", "*"};  // those of DRY's author

std::string default_of(const SamplingParameter& parameter, bool recommended) {
  if (!recommended || parameter.config_key.empty()) return CLI::detail::to_string(parameter.get(SamplingOptions{}));
  static const SamplingOptions fallback = generation_defaults(nullptr, nullptr).sampling;
  return "the model's, else " + CLI::detail::to_string(parameter.get(fallback));
}

// The help lists samplers by what they do.
std::string group_of(const SamplingParameter& parameter) {
  for (const SamplerKind& kind : sampler_kinds()) {
    if (kind.name != parameter.sampler) continue;
    if (kind.group == SamplerKind::Group::Cut) return "Sampling: which tokens are left";
    if (kind.name == "temp" || kind.name == "mirostat" || kind.name == "adaptive-p") return group;
    if (kind.name == "watermark") return "Sampling: watermark";
  }
  return "Sampling: penalties and limits";
}

void add_parameter(CLI::App& command, SamplerFlags& flags, const SamplingParameter& parameter, bool recommended) {
  const auto take = [&flags, &parameter](const std::string& value, const std::string& name) {
    const double number = parameter.is_integer() ? static_cast<double>(parse_number(value, Whole{}, name))
                                                 : parse_number(value, Real{}, name);
    if (!parameter.contains(number)) {
      throw UsageError(
          {.what = name + " is out of range", .expected = parameter.range(), .found = "\"" + value + "\""});
    }
    std::erase_if(flags.numbers, [&](const auto& given) { return given.first == &parameter; });
    flags.numbers.emplace_back(&parameter, number);
  };
  std::string help(parameter.help);
  help[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(help[0])));
  add_value(command, "--" + std::string(parameter.flag), "N", take, help + " (" + parameter.range() + ")")
      ->default_str(default_of(parameter, recommended))
      ->group(group_of(parameter));
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words = CLI::detail::split(text, ',');
  for (std::string& word : words) CLI::detail::trim(word);
  return words;
}

LogitBias parse_bias(const std::string& text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos) {
    throw UsageError({.what = "--logit-bias is not of its form",
                      .expected = "ID=BIAS, as in 42=-1.5 or 42=-inf",
                      .found = "\"" + text + "\""});
  }
  const std::string value = text.substr(equals + 1);
  const double bias =
      value == "-inf" ? -std::numeric_limits<double>::infinity() : parse_number(value, Real{}, "--logit-bias");
  LogitBias result{parse_ids(text.substr(0, equals), "--logit-bias"), bias};
  if (result.tokens.empty()) throw UsageError({.what = "--logit-bias names no token", .found = "\"" + text + "\""});
  return result;
}

// A flag whose sampler does not run would be silently without effect.
void warn_of_idle_flags(const SamplerFlags& flags, const std::vector<std::string>& order) {
  if (order.empty()) return;
  for (const auto& [parameter, value] : flags.numbers) {
    if (parameter->sampler.empty() || parameter->sampler == "min-tokens") continue;
    if (std::find(order.begin(), order.end(), parameter->sampler) == order.end()) {
      spdlog::warn("--{} has no effect: --samplers leaves {} out", parameter->flag, parameter->sampler);
    }
  }
}

}  // namespace

bool SamplerFlags::ask_for_a_draw() const {
  return greedy || !order.empty() ||
         std::any_of(numbers.begin(), numbers.end(), [](const auto& given) { return decides_the_draw(*given.first); });
}

void SamplerFlags::refuse_draw(const std::string& flag, const std::string& hint, std::string_view but) const {
  for (const auto& [parameter, value] : numbers) {
    if (!is_about_the_draw(*parameter) || parameter->flag == but || (parameter->flag == "temp" && value == 0)) continue;
    throw UsageError({.what = "--" + std::string(parameter->flag) + " does not go with " + flag, .hint = hint});
  }
}

SamplingOptions SamplerFlags::over(SamplingOptions base) const {
  for (const auto& [parameter, value] : numbers) parameter->set(base, value);
  if (greedy) base.temperature = 0;
  if (!order.empty()) base.order = split(order);
  for (const std::string& bias : biases) base.logit_bias.push_back(parse_bias(bias));
  for (const std::string& run : bad_words) base.logit_bias.push_back(parse_bias(run + "=-inf"));
  if (suppress) base.suppress = *suppress;
  if (begin_suppress) base.begin_suppress = *begin_suppress;
  if (forced_last) base.forced_last = *forced_last;
  if (forced_first) base.forced_first = ForcedToken{.id = *forced_first};
  warn_of_idle_flags(*this, base.order);
  try {
    const SamplerChain chain(base);  // finds what cannot be before a model is loaded
  } catch (const Error& error) {
    ErrorParts parts = error.parts();
    if (!parts.where.empty()) parts.where = "--" + parts.where;
    throw UsageError(parts);
  }
  return base;
}

void add_sampler_options(CLI::App& command, SamplerFlags& flags, bool recommended) {
  add_switch(command, "--greedy", flags.greedy, "Always take the most probable token: --temp 0")->group(group);
  for (const SamplingParameter& parameter : sampling_parameters())
    add_parameter(command, flags, parameter, recommended);
  add_texts(command, "--dry-sequence-breaker", flags.dry_breakers, "TEXT", "DRY's runs end at tokens with this text")
      ->default_str("\\n : \" *")
      ->group(group);
  add_texts(command, "--logit-bias", flags.biases, "ID=BIAS", "Add BIAS to a token's logit, -inf forbids it")
      ->group(group);
  const auto add_ids = [&](const char* name, const std::function<void(std::vector<TokenId>)>& take, const char* help) {
    const auto parse = [take](const std::string& value, const std::string& flag) {
      std::vector<TokenId> ids = parse_ids(value, flag);
      if (ids.empty()) throw UsageError({.what = flag + " names no token", .found = "\"" + value + "\""});
      take(std::move(ids));
    };
    return add_value(command, name, "ID,ID", parse, help)->group(group);
  };
  add_ids(
      "--suppress", [&](auto ids) { flags.suppress = std::move(ids); }, "Tokens that never come");
  add_ids(
      "--begin-suppress", [&](auto ids) { flags.begin_suppress = std::move(ids); }, "Tokens that do not come first");
  add_texts(command, "--bad-words", flags.bad_words, "ID,ID", "A run of tokens that never comes")->group(group);
  add_value(
      command, "--forced-first", "ID",
      [&flags](const std::string& value, const std::string& name) {
        const auto ids = parse_ids(value, name);
        if (ids.size() != 1)
          throw UsageError({.what = name + " is not a token", .expected = "one id", .found = "\"" + value + "\""});
        flags.forced_first = ids[0];
      },
      "The first token of the text")
      ->group(group);
  add_ids(
      "--forced-last", [&](auto ids) { flags.forced_last = std::move(ids); },
      "One of these is the last token that -n allows");
  add_text(command, "--samplers", flags.order, "ORDER",
           "The samplers that run, and their order, by names with commas between them; those that are off do nothing")
      ->default_str(CLI::detail::join(default_sampler_order(), ", "))
      ->group(group);
}

void SamplerFlags::check_tokens(int64_t vocabulary_size) const {
  for (const auto& ids : {suppress, begin_suppress, forced_last})
    if (ids) check_ids(*ids, vocabulary_size);
  if (forced_first) check_ids({*forced_first}, vocabulary_size);
}

void leave_guidance_out(SamplingOptions& options) {
  if (options.guidance_scale == 1) return;
  spdlog::warn("--guidance-scale has no effect here: it is for one text of generate");
  options.guidance_scale = 1;
}

void set_dry_breakers(SamplingOptions& options, const SamplerFlags& flags, const Tokenizer* tokenizer) {
  if (options.dry_multiplier == 0 || !tokenizer) return;
  options.dry_breakers =
      tokens_containing(*tokenizer, flags.dry_breakers.empty() ? default_breakers : flags.dry_breakers);
}

}  // namespace foretell::cli
