// `foretell bench`: how fast this machine runs a model, against what its memory allows.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/clock.h"
#include "base/memory_speed.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/process_time.h"
#include "cli/text_source.h"

namespace foretell::cli {
namespace {

enum class Format { Markdown, Json, Csv };

struct BenchOptions {
  int64_t prompt_tokens = 512, gen_tokens = 64, repeat = 5;
  Format format = Format::Markdown;
};

struct Measured {
  double prefill_tokens_per_s = 0, decode_tokens_per_s = 0, load_s = 0, first_token_s = 0;
  int64_t peak_rss_bytes = 0, weights_bytes = 0;
  double read_bandwidth_bytes_per_s = 0;
  std::string isa;
  int threads = 0;

  double decode_fraction() const {
    return decode_tokens_per_s * static_cast<double>(weights_bytes) / read_bandwidth_bytes_per_s;
  }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Which tokens they are makes no difference to the time: ids spread over the vocabulary, the same in every run.
std::vector<TokenId> filler(int64_t count, int64_t vocabulary) {
  std::vector<TokenId> ids;
  for (int64_t i = 0; i < count; i++) ids.push_back(static_cast<TokenId>(i * 7919 % vocabulary));
  return ids;
}

// The seconds from the process's start to the first token after a prompt of five, which is a text where there is a
// tokenizer.
double first_token(Model& model, const TextSource& source, const std::vector<TokenId>& filler_ids) {
  constexpr size_t length = 5;
  std::vector<TokenId> ids(filler_ids.begin(), filler_ids.begin() + length);
  if (source.tokenizer()) {
    const std::vector<TokenId> read = source.encode({.ids = {}, .text = source.decode(ids)}, true);
    std::copy_n(read.begin(), std::min(length, read.size()), ids.begin());
  }
  Sequence sequence(model, length + 1);
  const auto logits = model.next_logits(sequence, ids);
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  source.decode(std::array{static_cast<TokenId>(best)});
  return seconds_since_start();
}

Measured measure(const Context& context, const BenchOptions& options) {
  Measured m;
  const auto begin = Clock::now();
  TextSource source(context, true);
  Model model = source.load_model(context);
  m.load_s = seconds_since(begin);
  const int64_t length = options.prompt_tokens + options.gen_tokens;
  if (model.context_is_hard() && length > model.context_length())
    throw UsageError({.what = "--prompt-tokens and --gen-tokens are longer than the model's context",
                      .expected = "at most " + std::to_string(model.context_length()) + " together",
                      .found = std::to_string(length)});
  const auto ids = filler(std::max<int64_t>(length, 5), model.vocabulary_size());
  const std::span all(ids);
  m.first_token_s = first_token(model, source, ids);
  std::vector<double> prefill, decode;
  for (int64_t round = 0; round <= options.repeat; round++) {  // the first one warms up
    Sequence sequence(model, length);
    const auto start = Clock::now();
    model.next_logits(sequence, all.first(static_cast<size_t>(options.prompt_tokens)));
    const double prefill_s = seconds_since(start);
    const auto middle = Clock::now();
    for (int64_t i = 0; i < options.gen_tokens; i++) {
      stop_if_interrupted();
      model.next_logits(sequence, all.subspan(static_cast<size_t>(options.prompt_tokens + i), 1));
    }
    if (round == 0) continue;
    prefill.push_back(static_cast<double>(options.prompt_tokens) / prefill_s);
    decode.push_back(static_cast<double>(options.gen_tokens) / seconds_since(middle));
  }
  m.prefill_tokens_per_s = median(prefill);
  m.decode_tokens_per_s = median(decode);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  m.peak_rss_bytes = int64_t{usage.ru_maxrss} * 1024;  // before the bandwidth test takes its buffer
  m.weights_bytes = model.weights_bytes();
  m.isa = model.isa();
  m.threads = model.threads();
  ThreadPool pool(m.threads);
  m.read_bandwidth_bytes_per_s = measure_read_bandwidth(pool);
  return m;
}

nlohmann::ordered_json document(const Measured& m) {
  return {{"prefill_tokens_per_s", m.prefill_tokens_per_s},
          {"decode_tokens_per_s", m.decode_tokens_per_s},
          {"load_s", m.load_s},
          {"first_token_s", m.first_token_s},
          {"peak_rss_bytes", m.peak_rss_bytes},
          {"read_bandwidth_bytes_per_s", m.read_bandwidth_bytes_per_s},
          {"weights_bytes", m.weights_bytes},
          {"decode_fraction_of_bandwidth", m.decode_fraction()},
          {"isa", m.isa},
          {"threads", m.threads}};
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string markdown(const Measured& m, const BenchOptions& options) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"prefill of " + std::to_string(options.prompt_tokens), fixed(m.prefill_tokens_per_s, 1) + " tokens/s"},
      {"decode of " + std::to_string(options.gen_tokens), fixed(m.decode_tokens_per_s, 1) + " tokens/s"},
      {"of what memory allows", fixed(100 * m.decode_fraction(), 0) + " %"},
      {"memory reads", fixed(m.read_bandwidth_bytes_per_s / 1e9, 1) + " GB/s"},
      {"weights read for a token", fixed(static_cast<double>(m.weights_bytes) / 1e6, 1) + " MB"},
      {"loading", fixed(m.load_s, 3) + " s"},
      {"first token of a 5-token prompt", fixed(m.first_token_s, 3) + " s after the start of the program"},
      {"peak memory", fixed(static_cast<double>(m.peak_rss_bytes) / 1e6, 1) + " MB"},
      {"instruction set, threads", m.isa + ", " + std::to_string(m.threads)}};
  size_t left = 0, right = 0;
  for (const auto& [name, value] : rows) left = std::max(left, name.size()), right = std::max(right, value.size());
  std::string text = "| " + std::string(left, ' ') + " | " + std::string(right, ' ') + " |\n";
  text += "| " + std::string(left, '-') + " | " + std::string(right, '-') + " |\n";
  for (const auto& [name, value] : rows)
    text += "| " + name + std::string(left - name.size(), ' ') + " | " + value +
            std::string(right - value.size(), ' ') + " |\n";
  return text;
}

std::string csv(const nlohmann::ordered_json& document) {
  std::string names, values;
  for (const auto& [name, value] : document.items()) {
    names += (names.empty() ? "" : ",") + name;
    values += (values.empty() ? "" : ",") + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return names + "\n" + values + "\n";
}

void run(Context& context, const BenchOptions& options) {
  const Measured m = measure(context, options);
  if (context.options.json || options.format == Format::Json) return context.print_json(document(m));
  context.out.write(options.format == Format::Csv ? csv(document(m)) : markdown(m, options));
}

}  // namespace

void add_bench_command(CLI::App& app, Context& context) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App& command =
      add_command(app, context, "bench", "Measure prefill and decode speed and memory against what this machine allows",
                  {"foretell bench", "foretell bench -t 1 --prompt-tokens 128 --json"},
                  [&context, options] { run(context, *options); });
  add_model_option(command, context);
  constexpr int64_t most = 10'000'000;
  add_number(command, "--prompt-tokens", options->prompt_tokens, Whole{1, most}, "Tokens of the prompt");
  add_number(command, "--gen-tokens", options->gen_tokens, Whole{1, most}, "Tokens generated after it");
  add_number(command, "--repeat", options->repeat, Whole{1, 1000},
             "Rounds after one that warms up; the medians are shown");
  add_choice<Format>(command, "--format", options->format,
                     {{"md", Format::Markdown}, {"json", Format::Json}, {"csv", Format::Csv}},
                     "How to print it; --json is --format json");
  add_compute_options(command, context);
  add_output_options(command, context);
}

}  // namespace foretell::cli
