#include "cli/strategy_options.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "generate/dola_predictor.h"

namespace foretell::cli {
namespace {

constexpr auto contrastive_flag = "--penalty-alpha";
constexpr auto dola_flag = "--dola-layers";

// The number that --top-k gave.
std::optional<int64_t> given_top_k(const SamplerFlags& samplers) {
  for (const auto& [parameter, value] : samplers.numbers)
    if (parameter->flag == "top-k") return static_cast<int64_t>(value);
  return {};
}

void check_contrastive(const SamplerFlags& samplers) {
  samplers.refuse_draw(contrastive_flag,
                       "contrastive search draws nothing: it takes the best of the --top-k N most probable", "top-k");
  if (given_top_k(samplers) == 0)
    throw UsageError({.what = "--top-k 0 does not go with " + std::string(contrastive_flag),
                      .expected = "how many candidates contrastive search looks at",
                      .hint = "--top-k 4 is usual"});
}

DolaLayers parse_layers(const std::string& text, const std::string& flag) {
  using Part = DolaLayers::Part;
  if (text == "low") return {Part::Low};
  if (text == "high") return {Part::High};
  if (text == "none") return {Part::Listed};
  DolaLayers listed{Part::Listed};
  try {
    listed.listed = parse_numbers(text, Whole{.least = 0}, flag);
  } catch (const UsageError&) {
    listed.listed.clear();
  }
  if (listed.listed.empty())
    throw UsageError({.what = flag + " names no layers",
                      .expected = "low, high, none or a list of numbers, as in 0,2,4",
                      .found = "\"" + text + "\""});
  return listed;
}

}  // namespace

void StrategyFlags::check(const SamplerFlags& samplers, std::span<const GivenFlag> others,
                          std::span<const GivenFlag> others_of_contrastive) const {
  if (has_dola()) refuse_others(others, dola_flag);
  if (!contrasts()) return;
  const GivenFlag given_dola[] = {{has_dola(), dola_flag}};
  for (const auto& flags : {others, others_of_contrastive, std::span<const GivenFlag>(given_dola)})
    refuse_others(flags, contrastive_flag);
  check_contrastive(samplers);
}

void StrategyFlags::choose(GenerateOptions& options, const SamplerFlags& samplers, const GenerationDefaults& defaults,
                           bool alone) const {
  const bool guided = options.sampling.guidance_scale != 1;
  if (guided && (contrasts() || has_dola()))
    throw UsageError(
        {.what = std::string("--guidance-scale does not go with ") + (contrasts() ? contrastive_flag : dola_flag)});
  if (contrasts()) {
    const ContrastiveSearch usual = defaults.contrastive.value_or(ContrastiveSearch{});
    options.contrastive = {.penalty_alpha = *penalty_alpha, .top_k = given_top_k(samplers).value_or(usual.top_k)};
  } else if (has_dola()) {
    options.dola = dola;
  } else if (alone && !guided) {
    if (!penalty_alpha && !samplers.ask_for_a_draw()) options.contrastive = defaults.contrastive;
    if (!dola) options.dola = defaults.dola;
  } else if ((defaults.contrastive && !penalty_alpha) || (defaults.dola && !dola)) {
    spdlog::warn("{} of generation_config.json has no effect here: it is for one text of generate",
                 defaults.contrastive ? "penalty_alpha" : "dola_layers");
  }
  if (options.contrastive)
    spdlog::debug("contrastive search: penalty_alpha {}, top_k {}", options.contrastive->penalty_alpha,
                  options.contrastive->top_k);
}

CLI::Option* add_dola_option(CLI::App& command, std::optional<DolaLayers>& dola) {
  return add_value(
             command, dola_flag, "low|high|N,N",
             [&dola](const std::string& value, const std::string& flag) { dola = parse_layers(value, flag); },
             "DoLa: the last layer's prediction against that of the earlier one, of these, which differs most (0: the "
             "embedding)")
      ->default_str("none");
}

void add_strategy_options(CLI::App& command, StrategyFlags& flags) {
  add_number(command, contrastive_flag, flags.penalty_alpha, Real{.least = 0, .most = 1},
             "Contrastive search: of the --top-k N (50) most probable tokens take the best (1 - A) * probability - A * "
             "greatest\nsimilarity of its hidden state with an earlier one; 0: off")
      ->type_name("A")
      ->default_str("off")
      ->group("Generation");
  add_dola_option(command, flags.dola)->group("Generation");
}

void check_dola(const DolaLayers& dola, Model& model, Sequence& sequence, const SamplingOptions& sampling) {
  for (const int64_t layer : dola.listed)
    if (layer >= model.layers())
      spdlog::warn("--dola-layers: there is no layer {} before the last of the model's {}", layer, model.layers());
  try {
    const DolaPredictor predictor(model, sequence, dola);
    spdlog::debug("DoLa: the last layer against {}", CLI::detail::join(predictor.layers(), ", "));
  } catch (const Error& error) {
    throw UsageError(error.parts());
  }
  constexpr double recommended = 1.2;  // by the paper's authors, and transformers says so
  if (sampling.repetition_penalty < recommended)
    spdlog::info("DoLa tends to repeat itself: --repetition-penalty 1.2 is recommended");
}

}  // namespace foretell::cli
