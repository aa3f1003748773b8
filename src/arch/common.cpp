#include "arch/common.h"

#include <cmath>

namespace foretell {
namespace {

int64_t original_context(const ConfigReader& config, const ConfigReader& rope, int64_t context) {
  // Some folders keep it outside of the rope's own object; the reference gives that one priority.
  if (config.has("original_max_position_embeddings")) return config.integer("original_max_position_embeddings");
  return rope.integer_or("original_max_position_embeddings", context);
}

double read_factor(const ConfigReader& rope) {
  const double factor = rope.number("factor");
  if (factor <= 0) throw rope.error("factor", "a value is out of range", "a factor above 0", std::to_string(factor));
  return factor;
}

// YaRN's temperature (Peng et al., arXiv:2309.00071, section 3.4).
double yarn_mscale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; }

YarnScaling read_yarn(const ConfigReader& config, const ConfigReader& rope, int64_t context) {
  YarnScaling yarn;
  yarn.original_context = original_context(config, rope, context);
  yarn.factor = rope.has("factor") ? read_factor(rope)
                                   : static_cast<double>(context) / static_cast<double>(yarn.original_context);
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

Llama3Scaling read_llama3(const ConfigReader& config, const ConfigReader& rope, int64_t context) {
  Llama3Scaling llama3{.factor = read_factor(rope),
                       .low_freq_factor = rope.number("low_freq_factor"),
                       .high_freq_factor = rope.number("high_freq_factor"),
                       .original_context = original_context(config, rope, context)};
  if (llama3.low_freq_factor <= 0 || llama3.high_freq_factor <= llama3.low_freq_factor)
    throw rope.error("high_freq_factor", "contradictory values", "0 < low_freq_factor < high_freq_factor",
                     std::to_string(llama3.low_freq_factor) + " and " + std::to_string(llama3.high_freq_factor));
  return llama3;
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
                                    {"linear", Activation::Identity}});
}

Rotary read_rotary(const ConfigReader& config, int64_t dims, int64_t context, double default_theta) {
  Rotary rotary{.dims = dims, .theta = config.number_or("rope_theta", default_theta)};
  if (dims % 2 != 0)
    throw config.error("head_dim", "rotary dimensions come in pairs", "an even number", std::to_string(dims));
  const auto scaling = config.object("rope_scaling");
  const auto rope = scaling ? scaling : config.object("rope_parameters");
  if (rope) {
    rotary.theta = rope->number_or("rope_theta", rotary.theta);
    // "type" is the oldest spelling of "rope_type".
    const std::string type_key = rope->has("rope_type") ? "rope_type" : "type";
    enum class Type { Default, Linear, Dynamic, Llama3, Yarn };
    switch (rope->one_of<Type>(type_key, "default",
                               {{"default", Type::Default},
                                {"linear", Type::Linear},
                                {"dynamic", Type::Dynamic},
                                {"llama3", Type::Llama3},
                                {"yarn", Type::Yarn}})) {
      case Type::Default:
        break;
      case Type::Linear:
        rotary.scaling = LinearScaling{read_factor(*rope)};
        break;
      case Type::Dynamic:
        rotary.scaling = DynamicScaling{read_factor(*rope), context};
        break;
      case Type::Llama3:
        rotary.scaling = read_llama3(config, *rope, context);
        break;
      case Type::Yarn:
        rotary.scaling = read_yarn(config, *rope, context);
        break;
    }
  }
  if (rotary.theta <= 0)
    throw config.error("rope_theta", "a value is out of range", "a number above 0", std::to_string(rotary.theta));
  return rotary;
}

}  // namespace foretell
