#include "arch/common.h"

#include <cmath>

#include "base/exact_math.h"

namespace foretell {
namespace {

// A rope's object with what surrounds it.
struct Rope {
  const ConfigReader& config;
  const ConfigReader& object;
  int64_t context = 0;
  const RotaryDefaults& defaults;

  // Some folders keep it outside of the rope's own object; the reference gives that one priority.
  int64_t original_context() const {
    constexpr std::string_view key = "original_max_position_embeddings";
    if (config.has(key)) return config.integer(key);
    return defaults.original_context != 0 ? defaults.original_context : object.integer_or(key, context);
  }
};

double read_factor(const ConfigReader& rope) {
  const double factor = rope.number("factor");
  if (factor <= 0) throw rope.error("factor", "a value is out of range", "a factor above 0", std::to_string(factor));
  return factor;
}

// Without a factor, it is how much longer the context is than the original one.
double factor_or_ratio(const Rope& rope) {
  return rope.object.has("factor") ? read_factor(rope.object)
                                   : static_cast<double>(rope.context) / static_cast<double>(rope.original_context());
}

// YaRN's temperature (Peng et al., arXiv:2309.00071, section 3.4).
double yarn_mscale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; }

YarnScaling read_yarn(const Rope& from) {
  const ConfigReader& rope = from.object;
  YarnScaling yarn;
  yarn.original_context = from.original_context();
  yarn.factor = factor_or_ratio(from);
  const auto nonzero = [&](std::string_view key, double fallback) {
    const double value = rope.number_or(key, fallback);
    return value == 0 ? fallback : value;
  };
  yarn.beta_fast = nonzero("beta_fast", 32);
  yarn.beta_slow = nonzero("beta_slow", 1);
  yarn.truncate = rope.flag_or("truncate", true);
  const double mscale = rope.number_or("mscale", 0), mscale_all_dim = rope.number_or("mscale_all_dim", 0);
  if (rope.has("attention_factor")) {
    yarn.attention_factor = rope.number("attention_factor");
  } else if (mscale != 0 && mscale_all_dim != 0) {
    yarn.attention_factor = yarn_mscale(yarn.factor, mscale) / yarn_mscale(yarn.factor, mscale_all_dim);
  } else {
    yarn.attention_factor = yarn_mscale(yarn.factor, 1);
  }
  return yarn;
}

// LongRoPE (Ding et al., arXiv:2402.13753).
LongScaling read_long(const Rope& from, int64_t pairs) {
  const ConfigReader& rope = from.object;
  LongScaling scaling{.short_factors = rope.numbers("short_factor"),
                      .long_factors = rope.numbers("long_factor"),
                      .original_context = from.original_context()};
  for (const auto& [key, factors] :
       {std::pair("short_factor", &scaling.short_factors), std::pair("long_factor", &scaling.long_factors)}) {
    if (static_cast<int64_t>(factors->size()) != pairs)
      throw rope.error(key, "a list has another length",
                       "a factor for each pair of rotary dimensions: " + std::to_string(pairs),
                       std::to_string(factors->size()));
    for (const double factor : *factors)
      if (factor <= 0) throw rope.error(key, "a value is out of range", "factors above 0", std::to_string(factor));
  }
  const double factor = factor_or_ratio(from);
  const double stretch = factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(scaling.original_context));
  scaling.attention_factor = rope.number_or("attention_factor", stretch);
  return scaling;
}

Llama3Scaling read_llama3(const Rope& from) {
  const ConfigReader& rope = from.object;
  Llama3Scaling llama3{.factor = read_factor(rope),
                       .low_freq_factor = rope.number("low_freq_factor"),
                       .high_freq_factor = rope.number("high_freq_factor"),
                       .original_context = from.original_context()};
  if (llama3.low_freq_factor <= 0 || llama3.high_freq_factor <= llama3.low_freq_factor)
    throw rope.error("high_freq_factor", "contradictory values", "0 < low_freq_factor < high_freq_factor",
                     std::to_string(llama3.low_freq_factor) + " and " + std::to_string(llama3.high_freq_factor));
  return llama3;
}

enum class RopeType { Default, Linear, Dynamic, Llama3, Yarn, Long, Proportional };

RopeType read_type(const ConfigReader& rope) {
  // "type" is the oldest spelling of "rope_type".
  const auto type = rope.one_of<RopeType>(rope.has("rope_type") ? "rope_type" : "type", "default",
                                          {{"default", RopeType::Default},
                                           {"mrope", RopeType::Default},  // sections for images; a text turns as usual
                                           {"linear", RopeType::Linear},
                                           {"dynamic", RopeType::Dynamic},
                                           {"llama3", RopeType::Llama3},
                                           {"yarn", RopeType::Yarn},
                                           {"longrope", RopeType::Long},
                                           {"su", RopeType::Long},  // its name in Phi-3's first folders
                                           {"proportional", RopeType::Proportional}});
  // They also say "yarn" where they mean it.
  return type == RopeType::Yarn && rope.has("long_factor") ? RopeType::Long : type;
}

// int(head_dim * factor), as the reference has it; of an odd number the last one gets a partner.
Rotary rotary_dims(const ConfigReader& config, int64_t head_dim, double factor) {
  const auto dims = static_cast<int64_t>(static_cast<double>(head_dim) * factor);
  if (factor < 0 || factor > 1 || dims < 2 || dims + dims % 2 > head_dim)
    throw config.error(factor == 1 ? "head_dim" : "partial_rotary_factor", "rotary dimensions come in pairs",
                       "an even number of dimensions from 2 to " + std::to_string(head_dim), std::to_string(dims));
  return {.dims = dims + dims % 2, .odd_dims = dims % 2 != 0 ? dims : 0};
}

RotaryScaling read_scaling(const Rope& rope, RopeType type, const Rotary& rotary, double partial) {
  switch (type) {
    case RopeType::Default:
      break;
    case RopeType::Linear:
      return LinearScaling{read_factor(rope.object)};
    case RopeType::Dynamic:
      return DynamicScaling{read_factor(rope.object), rope.context};
    case RopeType::Llama3:
      return read_llama3(rope);
    case RopeType::Yarn:
      return read_yarn(rope);
    case RopeType::Long:
      return read_long(rope, rotary.dims / 2);
    case RopeType::Proportional:
      return ProportionalScaling{rope.object.has("factor") ? read_factor(rope.object) : 1,
                                 static_cast<int64_t>(partial * static_cast<double>(rotary.dims) / 2)};
  }
  return {};
}

}  // namespace

Activation read_activation(const ConfigReader& config, std::string_view key, std::string_view fallback) {
  return config.one_of<Activation>(key, fallback,
                                   {{"silu", Activation::Silu},
                                    {"swish", Activation::Silu},
                                    {"gelu", Activation::Gelu},
                                    {"gelu_python", Activation::Gelu},
                                    {"gelu_new", Activation::GeluTanh},
                                    {"gelu_fast", Activation::GeluTanh},
                                    {"gelu_accurate", Activation::GeluTanh},
                                    {"gelu_pytorch_tanh", Activation::GeluTanh},
                                    {"gelu_python_tanh", Activation::GeluTanh},
                                    {"quick_gelu", Activation::QuickGelu},
                                    {"relu", Activation::Relu},
                                    {"relu2", Activation::ReluSquared},
                                    {"tanh", Activation::Tanh},
                                    {"sigmoid", Activation::Sigmoid},
                                    {"linear", Activation::Identity},
                                    {"xielu", Activation::XIelu}});
}

NormSpec read_layer_norm(const ConfigReader& config, std::string_view key, double fallback) {
  const double epsilon = config.number_or(key, fallback);
  if (epsilon < 0) throw config.error(key, "a value is out of range", "a number from 0", std::to_string(epsilon));
  return {.kind = NormSpec::Kind::Layer, .epsilon = static_cast<float>(epsilon), .bias = true};
}

Rotary read_rotary(const ConfigReader& config, int64_t head_dim, int64_t context, const RotaryDefaults& defaults) {
  auto rope = config.object("rope_scaling");
  if (!rope) rope = config.object("rope_parameters");
  if (rope && !defaults.layer_type.empty() && rope->has(defaults.layer_type)) rope = rope->object(defaults.layer_type);
  const Json nothing = Json::object();
  if (!rope) rope = ConfigReader(nothing, config.file());

  const auto number = [&](std::string_view key, double fallback) {
    return rope->number_or(key, config.number_or(key, fallback));
  };
  const RopeType type = read_type(*rope);
  const double partial = defaults.partial != 0 || type == RopeType::Proportional
                             ? number("partial_rotary_factor", defaults.partial != 0 ? defaults.partial : 1)
                             : 1;
  Rotary rotary = rotary_dims(config, head_dim, type == RopeType::Proportional ? 1 : partial);
  rotary.theta = number("rope_theta", defaults.theta);
  rotary.scaling = read_scaling({config, *rope, context, defaults}, type, rotary, partial);
  if (rotary.theta <= 0)
    throw config.error("rope_theta", "a value is out of range", "a number above 0", std::to_string(rotary.theta));
  return rotary;
}

std::vector<float> alibi_slopes(int64_t heads, double max_bias) {
  int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  const auto slope = [&](int64_t i, int64_t n) {
    return static_cast<float>(exact_pow(2, -max_bias * static_cast<double>(i) / static_cast<double>(n)));
  };
  std::vector<float> slopes;
  for (int64_t i = 1; i <= power; i++) slopes.push_back(slope(i, power));
  for (int64_t i = 1; static_cast<int64_t>(slopes.size()) < heads; i += 2) slopes.push_back(slope(i, 2 * power));
  return slopes;
}

std::vector<bool> layers_of_type(const ConfigReader& config, int64_t layers, std::string_view type,
                                 std::string_view other, const std::function<bool(int64_t layer)>& otherwise) {
  const auto types = config.texts("layer_types");
  if (!types.empty() && static_cast<int64_t>(types.size()) != layers)
    throw config.error("layer_types", "a list has another length", std::to_string(layers),
                       std::to_string(types.size()));
  std::vector<bool> are;
  for (int64_t i = 0; i < layers; i++) {
    if (types.empty()) {
      are.push_back(otherwise(i));
      continue;
    }
    const std::string& found = types[static_cast<size_t>(i)];
    if (found != type && found != other)
      throw config.error("layer_types", "unknown value", std::string(type) + " or " + std::string(other),
                         "\"" + found + "\"");
    are.push_back(found == type);
  }
  return are;
}

std::vector<int64_t> read_windows(const ConfigReader& config, int64_t layers, int64_t window,
                                  const std::function<bool(int64_t layer)>& slides) {
  std::vector<int64_t> windows;
  for (const bool sliding : layers_of_type(config, layers, "sliding_attention", "full_attention", slides)) {
    if (sliding && window == 0)
      throw config.error("sliding_window", "a key is missing", "a window for the layers that slide", "nothing");
    windows.push_back(sliding ? window : 0);
  }
  return windows;
}

}  // namespace foretell
