// `foretell next`: what may come next and how likely it is, before and after the samplers.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/constraint_options.h"
#include "cli/draw_ruler.h"
#include "cli/healing_options.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "cli/sampler_options.h"
#include "cli/strategy_options.h"
#include "cli/text_source.h"
#include "cli/token_text.h"
#include "generate/check_prompt.h"
#include "generate/dola_predictor.h"
#include "sampling/prediction.h"

namespace foretell::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

// {"logits": [..], "history": [..]}; -infinity may be written as a string, as JSON has no number for it.
struct LogitsFile {
  std::vector<float> logits;
  std::vector<TokenId> history;
};

float logit_of(const Json& value, size_t index, const std::string& file) {
  if (value.is_number()) {
    const auto logit = static_cast<float>(value.get<double>());
    if (std::isfinite(logit)) return logit;
  } else if (value.is_string() && (value == "-inf" || value == "-Infinity")) {
    return -std::numeric_limits<float>::infinity();
  }
  throw Error({.what = "a logit is no number",
               .file = file,
               .where = "logits, entry " + std::to_string(index),
               .expected = "a number, or \"-inf\"",
               .found = value.dump()});
}

LogitsFile read_logits(const std::string& file) {
  const Json json = parse_json(read_input(file), file);
  const auto list = [&](const char* key, bool required) -> const Json* {
    const bool there = json.is_object() && json.contains(key);
    if (there && json[key].is_array()) return &json[key];
    if (!there && !required) return nullptr;
    throw Error({.what = "not a file of logits",
                 .file = file,
                 .where = key,
                 .expected = "a list",
                 .found = there ? json[key].type_name() : "nothing"});
  };
  LogitsFile result;
  for (const Json& value : *list("logits", true)) result.logits.push_back(logit_of(value, result.logits.size(), file));
  if (const Json* history = list("history", false)) {
    for (const Json& id : *history) {
      if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<TokenId>::max()) {
        throw Error({.what = "not a file of logits",
                     .file = file,
                     .where = "history",
                     .expected = "token ids",
                     .found = id.dump()});
      }
      result.history.push_back(id.get<TokenId>());
    }
  }
  return result;
}

class NextCommand {
 public:
  explicit NextCommand(Context& context) : context_(context) {}
  void add_options(CLI::App& command);
  void run();

 private:
  void predict_from_file();
  void predict_with_model();
  void print_json(const Prediction& prediction);
  void print_table(const Prediction& prediction);
  void print_summary(const Prediction& prediction);
  std::string label(TokenId id) const;

  Context& context_;
  PromptOptions prompt_;
  SamplerFlags samplers_;
  ConstraintFlags form_;
  StrategyFlags strategies_;
  HealingFlag healing_flag_;
  std::optional<std::string> logits_file_;
  int64_t top_ = 10;

  std::optional<TextSource> source_;  // none with --logits
  std::vector<TokenId> history_;
  TakenBack taken_back_;  // of it
  std::optional<PromptHealing> healing_;
  std::vector<float> logits_;
};

void NextCommand::add_options(CLI::App& command) {
  add_prompt_options(command, prompt_);
  CLI::Option* healing = add_healing_option(command, healing_flag_);
  CLI::Option* logits = add_text(command, "--logits", logits_file_, "FILE",
                                 "No model: {\"logits\":[..],\"history\":[..]} (-: standard input)");
  logits->group("Input")->excludes(healing);
  for (const char* other : {"--prompt", "--file", "--ids"}) logits->excludes(command.get_option(other));
  add_number(command, "-k,--top", top_, Whole{.least = 0}, "How many tokens to show; 0: all")->group("Output");
  for (CLI::Option* form : add_constraint_options(command, form_)) logits->excludes(form), healing->excludes(form);
  CLI::Option* dola = add_dola_option(command, strategies_.dola)->group("Input");
  logits->excludes(dola);
  add_sampler_options(command, samplers_, false);
  add_seed_option(command, context_);
  add_model_option(command, context_);
  add_compute_options(command, context_);
  add_output_options(command, context_);
}

void NextCommand::predict_from_file() {
  LogitsFile file = read_logits(*logits_file_);
  history_ = std::move(file.history);
  logits_ = std::move(file.logits);
}

void NextCommand::predict_with_model() {
  const Prompt prompt = read_prompt(prompt_);
  source_.emplace(context_, prompt.ids.has_value());
  Model model = source_->load_model(context_);
  history_ = source_->encode(prompt, !prompt_.no_special);
  if (prompt.ids) check_ids(history_, model.vocabulary_size());
  if (healing_flag_.asked) taken_back_ = healing_.emplace(*source_).take_back(history_);
  Sequence sequence = new_sequence(model, context_);
  ModelPredictor plain(model, sequence);
  std::optional<DolaPredictor> dola;
  if (strategies_.has_dola()) {
    check_dola(*strategies_.dola, model, sequence, samplers_.over({}));
    dola.emplace(model, sequence, *strategies_.dola);
  }
  Predictor& predictor = dola ? static_cast<Predictor&>(*dola) : plain;
  check_prompt(sequence.capacity(), history_);
  const Terminal& terminal = context_.err_terminal;
  Progress progress("reading the prompt", terminal.interactive && !context_.options.quiet, terminal.width);
  const InterruptGuard guard;
  const auto stop = [&] {
    progress.update(static_cast<double>(sequence.length()) / static_cast<double>(history_.size()));
    return interrupted();
  };
  const auto logits = predictor.read(history_, stop);
  stop_if_interrupted();
  logits_.assign(logits.begin(), logits.end());
}

void NextCommand::run() {
  SamplingOptions sampling = samplers_.over({});
  const std::optional<Grammar> grammar = form_.read();
  logits_file_ ? predict_from_file() : predict_with_model();
  if (source_) sampling.end_ids = source_->defaults().sampling.end_ids;
  set_dry_breakers(sampling, samplers_, source_ ? source_->tokenizer() : nullptr);
  sampling.seed = context_.options.seed;
  leave_guidance_out(sampling);
  samplers_.check_tokens(static_cast<int64_t>(logits_.size()));
  const size_t top = top_ == 0 ? logits_.size() : static_cast<size_t>(top_);
  std::optional<Constraint> constraint;
  std::optional<ConstrainedText> text;
  if (grammar) {
    if (!source_->tokenizer())
      throw Error(
          {.what = "the form of a text needs a tokenizer, and the model has none", .file = source_->path().string()});
    text.emplace(constraint.emplace(*grammar, *source_->tokenizer(), sampling.end_ids));
  }
  std::vector<uint64_t> allowed;
  if (text) {
    const auto bits = text->allowed(std::numeric_limits<int64_t>::max());
    allowed.assign(bits.begin(), bits.end());
  } else if (!taken_back_.bytes.empty()) {
    taken_back_.healing->allow(taken_back_.bytes, allowed);
  }
  const Prediction prediction =
      predict_allowed(logits_, history_, sampling, top, allowed, text ? "grammar" : "token-healing");
  context_.options.json ? print_json(prediction) : print_table(prediction);
}

void NextCommand::print_json(const Prediction& prediction) {
  const Tokenizer* tokenizer = source_ ? source_->tokenizer() : nullptr;
  OrderedJson json = {{"prompt_ids", history_},
                      {"candidates", OrderedJson::array()},
                      {"entropy_bits", prediction.entropy_bits},
                      {"stages", OrderedJson::array()}};
  for (const PredictedToken& token : prediction.tokens) {
    OrderedJson entry = {{"rank", json["candidates"].size() + 1}, {"id", token.id}};
    add_token(entry, tokenizer, token.id);
    entry.update({{"logit", token.logit},
                  {"logprob", token.logprob},
                  {"probability", token.probability},
                  {"final_probability", token.final_probability}});
    if (token.cut_by >= 0) entry["cut_by"] = prediction.stages[static_cast<size_t>(token.cut_by)].name;
    json["candidates"].push_back(std::move(entry));
  }
  for (const Prediction::Stage& stage : prediction.stages)
    json["stages"].push_back({{"name", stage.name}, {"kept", stage.kept}});
  if (const auto& draw = prediction.draw) {
    json["draw"] = {{"random", draw->random}, {"id", draw->id}};
    add_token(json["draw"], tokenizer, draw->id);
    json["draw"].update({{"from", draw->from}, {"to", draw->to}});
  }
  context_.print_json(json);
}

std::string percent(double probability) {
  if (probability > 0 && probability < 0.00005) return "<0.01 %";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * probability);
  return text;
}

std::string NextCommand::label(TokenId id) const {
  constexpr int widest = 24;
  const Tokenizer* tokenizer = source_ ? source_->tokenizer() : nullptr;
  return tokenizer ? shown_token(tokenizer->token_bytes(id), widest) : "#" + std::to_string(id);
}

void NextCommand::print_table(const Prediction& prediction) {
  const bool staged = !prediction.stages.empty();
  int label_width = 5, rank_width = static_cast<int>(std::to_string(prediction.tokens.size()).size()), id_width = 2;
  double largest = 0;
  for (const PredictedToken& token : prediction.tokens) {
    label_width = std::max(label_width, display_width(label(token.id)));
    id_width = std::max(id_width, static_cast<int>(std::to_string(token.id).size()));
    largest = std::max(largest, staged ? token.final_probability : token.probability);
  }
  constexpr int number_width = 11;
  const int used = rank_width + 2 + label_width + 2 + id_width + number_width * (staged ? 2 : 1) + 4;
  const int bar_width = std::clamp(context_.out_terminal.width - used - 1, 8, 40);
  const bool color = context_.out_terminal.color;

  std::string head = pad_left("#", rank_width) + "  " + pad_right("token", label_width) + "  " +
                     pad_left("id", id_width) + pad_left("model", number_width);
  if (staged) head += pad_left("samplers", number_width);
  context_.out.write(styled(color, "2", head) + "\n");
  int rank = 0;
  for (const PredictedToken& token : prediction.tokens) {
    const double shown = staged ? token.final_probability : token.probability;
    std::string line =
        pad_left(std::to_string(++rank), rank_width) + "  " + pad_right(label(token.id), label_width) + "  ";
    line += styled(color, "2", pad_left(std::to_string(token.id), id_width)) +
            pad_left(percent(token.probability), number_width);
    if (staged) line += pad_left(token.cut_by < 0 ? percent(token.final_probability) : "cut", number_width);
    line += "  ";
    if (token.cut_by >= 0) {
      line += styled(color, "2", "by " + prediction.stages[static_cast<size_t>(token.cut_by)].name);
    } else {
      line += styled(color, "36", bar(largest > 0 ? shown / largest : 0, bar_width));
    }
    while (line.ends_with(' ')) line.pop_back();
    context_.out.write(line + "\n");
  }
  print_summary(prediction);
}

void NextCommand::print_summary(const Prediction& prediction) {
  Output& out = context_.out;
  char text[128];
  std::snprintf(text, sizeof text, "\nentropy %.2f bits, as undecided as %.1f equal choices\n", prediction.entropy_bits,
                std::exp2(prediction.entropy_bits));
  out.write(text);
  size_t before = prediction.candidates;
  for (const Prediction::Stage& stage : prediction.stages) {
    const std::string removed =
        stage.kept < before ? ", " + thousands(static_cast<long long>(before - stage.kept)) + " cut" : "";
    out.write(pad_right(stage.name, 18) + "  " + thousands(static_cast<long long>(stage.kept)) + " left" + removed +
              "\n");
    before = stage.kept;
  }
  if (const auto& draw = prediction.draw) {
    std::snprintf(text, sizeof text, "drawn: %.6f falls on ", draw->random);
    out.write(text + label(draw->id));
    std::snprintf(text, sizeof text, " (%.6f to %.6f)\n", draw->from, draw->to);
    out.write(text);
    out.write(draw_ruler(prediction.shares, *draw, std::min(context_.out_terminal.width, 100),
                         context_.out_terminal.color, [this](TokenId id) { return label(id); }));
  }
}

}  // namespace

void add_next_command(CLI::App& app, Context& context) {
  const auto next = std::make_shared<NextCommand>(context);
  CLI::App& command = add_command(app, context, "next", "What may come next, and how likely it is",
                                  {"foretell next -p \"The capital of France is\"",
                                   "foretell next -p \"Once upon a\" --temp 0.7 --top-k 5 --seed 1",
                                   "foretell next --logits logits.json --top-p 0.9 --json"},
                                  [next] { next->run(); });
  next->add_options(command);
}

}  // namespace foretell::cli
