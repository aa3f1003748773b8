// `foretell convert`: a model of any format as the folder of a published one.
#include "model/convert.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "arch/open_model.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "foretell/generate.h"

namespace foretell::cli {
namespace {

struct ConvertFlags {
  std::string output;
  std::optional<std::string> calibrate;  // a file
  int64_t calibrate_tokens = 16384;
  ConvertOptions options;
};

// "49.5MB", "2GiB", "1000000": decimal units or, with an i, powers of 1,024.
int64_t parse_size(const std::string& text, const std::string& option) {
  const size_t digits = text.find_first_not_of("0123456789.");
  std::string unit = digits == std::string::npos ? "" : text.substr(digits);
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return std::toupper(c); });
  const std::pair<const char*, double> units[] = {{"", 1},     {"B", 1},        {"KB", 1e3},     {"MB", 1e6},
                                                  {"GB", 1e9}, {"KIB", 0x1p10}, {"MIB", 0x1p20}, {"GIB", 0x1p30}};
  const auto found = std::find_if(std::begin(units), std::end(units), [&](const auto& u) { return u.first == unit; });
  if (found == std::end(units))
    throw UsageError({.what = option + ": not a size",
                      .expected = "a number and B, KB, MB, GB, KiB, MiB or GiB",
                      .found = "\"" + text + "\""});
  const double bytes = parse_number(text.substr(0, digits), Real{.least = 0, .most = 1e9}, option) * found->second;
  if (bytes < 1)
    throw UsageError({.what = option + ": out of range", .expected = "at least 1 byte", .found = "\"" + text + "\""});
  return static_cast<int64_t>(std::min(bytes, 9e18));
}

// The beginning of a file's text as ids, and what the tokenizer puts before each text.
CalibrationText calibration_text(const ConvertFlags& flags, const std::filesystem::path& model) {
  if (flags.options.quantize_bits == 0)
    throw UsageError({.what = "--calibrate is for rounding", .expected = "--quantize BITS as well", .found = "none"});
  // A token stands for 4 bytes or so; 64 for each are enough whatever the tokenizer.
  std::string text = read_input(*flags.calibrate);
  if (text.size() > static_cast<size_t>(flags.calibrate_tokens) * 64)
    text.resize(static_cast<size_t>(flags.calibrate_tokens) * 64);
  const Tokenizer tokenizer = load_tokenizer(model);
  CalibrationText calibration{.ids = prompt_ids(tokenizer, text, false)};
  if (calibration.ids.empty())
    throw Error({.what = "the calibration text is empty", .file = *flags.calibrate, .expected = "at least one token"});
  const std::vector<TokenId> whole = prompt_ids(tokenizer, text, true);
  const auto begin = std::search(whole.begin(), whole.end(), calibration.ids.begin(), calibration.ids.end());
  if (begin != whole.end()) calibration.prefix.assign(whole.begin(), begin);
  if (calibration.ids.size() > static_cast<size_t>(flags.calibrate_tokens))
    calibration.ids.resize(static_cast<size_t>(flags.calibrate_tokens));
  return calibration;
}

void convert_model(Context& context, const ConvertFlags& flags) {
  if (flags.output.empty())
    throw UsageError({.what = "convert needs the folder to write to", .expected = "-o DIR", .found = "none"});
  const CommonOptions& common = context.options;
  const std::filesystem::path model = find_model(common.model);
  ConvertOptions options = flags.options;
  if (flags.calibrate) options.calibration = calibration_text(flags, model);
  const Checkpoint checkpoint = open_model(model);
  const InterruptGuard guard;
  ConvertReport report;
  {
    const bool shown = context.err_terminal.interactive && !common.quiet;
    Progress reading("Reading the calibration text", shown, context.err_terminal.width);
    Progress writing("Writing the model", shown, context.err_terminal.width);
    const auto update = [](Progress& progress, int64_t done, int64_t total) {
      stop_if_interrupted();
      progress.update(total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1);
    };
    options.progress = [&](int64_t done, int64_t total) { update(writing, done, total); };
    options.calibrating = [&](int64_t done, int64_t total) {
      if (done >= total) {
        reading.clear();
      } else {
        update(reading, done, total);
      }
    };
    report = convert(checkpoint, flags.output, options);
  }
  for (const std::string& name : report.left_as_floats)
    spdlog::warn("{} stays as it is: its inputs are no multiple of {}", name, options.group_size);
  if (!report.decoded.empty() && !options.dtype)
    spdlog::info("{} tensors of types that no groups hold without loss became float32; --quantize makes them smaller",
                 report.decoded.size());
  if (common.json)
    context.print_json({{"folder", flags.output},
                        {"tensors", report.tensors},
                        {"bytes", report.bytes},
                        {"left_as_floats", report.left_as_floats},
                        {"decoded", report.decoded}});
  else
    spdlog::info("wrote {}: {} tensors, {:.1f} MB", flags.output, report.tensors,
                 static_cast<double>(report.bytes) / 1e6);
}

}  // namespace

void add_convert_command(CLI::App& app, Context& context) {
  auto flags = std::make_shared<ConvertFlags>();
  CLI::App& command =
      add_command(app, context, "convert", "Write a model as a folder of safetensors",
                  {"foretell convert model.gguf -o model", "foretell convert model.gguf --dtype bfloat16 -o model-bf16",
                   "foretell convert path/to/model --quantize 4 -o model-4bit",
                   "foretell convert path/to/model --quantize 3 --calibrate some-text.txt -o model-3bit"},
                  [&context, flags] { convert_model(context, *flags); });
  add_model_option(command, context, true);
  add_text(command, "-o,--output", flags->output, "DIR", "The folder to write; it must not exist, or be empty")
      ->group("Output");
  add_choice<std::optional<DType>>(
      command, "--dtype", flags->options.dtype,
      {{"float32", DType::F32}, {"float16", DType::F16}, {"bfloat16", DType::BF16}},
      "Write floats of this type, also of what is quantized; without it they stay as they are")
      ->group("Model");
  add_choice<int>(command, "--quantize", flags->options.quantize_bits,
                  {{"none", 0}, {"8", 8}, {"6", 6}, {"5", 5}, {"4", 4}, {"3", 3}, {"2", 2}},
                  "Round matrices to groups of so many bits, where they have more")
      ->group("Model");
  add_choice<int64_t>(command, "--group-size", flags->options.group_size, {{"32", 32}, {"64", 64}, {"128", 128}},
                      "Inputs that share a scale then")
      ->group("Model");
  add_text(command, "--calibrate", flags->calibrate, "FILE",
           "A text (- is standard input) that lowers the error of --quantize: weights are rounded for what they "
           "compute of it")
      ->group("Model");
  add_number(command, "--calibrate-tokens", flags->calibrate_tokens, Whole{.least = 1, .most = 100'000'000},
             "The most of its tokens that are read")
      ->group("Model");
  add_value(
      command, "--max-shard-size", "SIZE",
      [flags](const std::string& value, const std::string& name) {
        flags->options.max_shard_bytes = parse_size(value, name);
      },
      "The most that one file holds (49.5MB, 2GiB); a larger tensor has a file of its own")
      ->default_str("5GiB")
      ->group("Output");
  add_output_options(command, context);
}

}  // namespace foretell::cli
