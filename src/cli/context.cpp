#include "cli/context.h"

#include <nlohmann/json.hpp>

#include "cli/options.h"

namespace foretell::cli {

void Context::print_json(const nlohmann::ordered_json& document) {
  out.write(document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

nlohmann::ordered_json error_document(const Error& error) {
  const ErrorParts& p = error.parts();
  nlohmann::ordered_json document = {{"message", error.what()}, {"file", p.file}, {"where", p.where}};
  for (const auto& [key, value] : {std::pair{"expected", p.expected}, {"found", p.found}, {"hint", p.hint}}) {
    if (!value.empty()) document[key] = value;
  }
  return document;
}

CLI::App& add_command(CLI::App& app, Context& context, const std::string& name, const std::string& description,
                      const std::vector<std::string>& examples, std::function<void()> run) {
  CLI::App* command = app.add_subcommand(name, description)->group("Commands");
  std::string footer = examples.empty() ? "" : "Examples:";
  for (const std::string& example : examples) footer += "\n  " + example;
  command->footer(footer);
  command->set_help_flag("-h,--help", "Show this help")->group("Output");
  command->callback([&context, run = std::move(run)] { context.run = run; });
  return *command;
}

void add_model_option(CLI::App& command, Context& context, bool positional) {
  CLI::Option* flag =
      add_text(command, "-m,--model", context.options.model, "MODEL",
               "A model folder, a .safetensors, .gguf or .json file, a name under models/ or $FORETELL_MODELS, or "
               "org/name in the local Hugging Face cache")
          ->default_str("smollm2-135m-instruct")
          ->group("Model");
  if (positional) add_text(command, "model", context.options.model, "MODEL", "The same as --model")->excludes(flag);
}

void add_precision_option(CLI::App& command, Context& context) {
  add_choice<Precision>(
      command, "--precision", context.options.precision,
      {{"fast", Precision::Fast}, {"high", Precision::High}, {"exact", Precision::Exact}},
      "How activations are computed: in 8 bits where the weights are quantized, in 16, or in float32 throughout")
      ->group("Model");
  add_choice<KvCacheFormat>(
      command, "--kv-bits", context.options.kv_cache,
      {{"auto", KvCacheFormat::Auto},
       {"32", KvCacheFormat::Float32},
       {"16", KvCacheFormat::Float16},
       {"8", KvCacheFormat::Int8}},
      "How keys and values are kept; auto: with quantized weights 8 at --precision fast and 16 at "
      "high, else 32")
      ->group("Model");
}

void add_threads_option(CLI::App& command, Context& context) {
  add_number(command, "-t,--threads", context.options.threads, Whole{.least = 1, .most = 1024},
             "Threads to compute with")
      ->default_str("the physical cores")
      ->group("Model");
}

void add_compute_options(CLI::App& command, Context& context) {
  CommonOptions& o = context.options;
  const Whole tokens{.least = 1};
  add_precision_option(command, context);
  add_choice<int>(command, "--quantize", o.quantize_bits, {{"none", 0}, {"8", 8}, {"4", 4}},
                  "Quantize float weights to so many bits while loading")
      ->group("Model");
  add_texts(command, "--adapter", o.adapters, "DIR[:SCALE]",
            "A LoRA adapter in PEFT's layout, and how strongly it acts (1); may be repeated")
      ->group("Model");
  add_number(command, "-c,--context", o.context, tokens, "The most tokens of prompt and answer")
      ->default_str("the model's")
      ->group("Model");
  add_threads_option(command, context);
  add_choice<std::string>(command, "--isa", o.isa,
                          {{"portable", "portable"}, {"avx2", "avx2"}, {"avxvnni", "avxvnni"}, {"avx512", "avx512"}},
                          "The instruction set to compute with; results do not depend on it")
      ->default_str("the best of this machine")
      ->group("Model");
}

void add_seed_option(CLI::App& command, Context& context) {
  add_number(command, "--seed", context.options.seed, Limits<uint64_t>{}, "Where the random numbers begin")
      ->default_str("random")
      ->group("Sampling");
}

void add_output_options(CLI::App& command, Context& context, bool json) {
  CommonOptions& o = context.options;
  if (json) add_switch(command, "--json", o.json, "Print the result as JSON")->group("Output");
  add_choice<ColorChoice>(command, "--color", o.color,
                          {{"auto", ColorChoice::Auto}, {"always", ColorChoice::Always}, {"never", ColorChoice::Never}},
                          "Colour in the result")
      ->group("Output");
  CLI::Option* quiet = add_switch(command, "-q,--quiet", o.quiet, "Say nothing on stderr but errors");
  CLI::Option* verbose = add_switch(command, "-v,--verbose", o.verbose, "Say more on stderr");
  quiet->group("Output");
  verbose->group("Output")->excludes(quiet);
}

}  // namespace foretell::cli
