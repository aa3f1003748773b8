// `foretell explore`: a text grows token by token, and a person chooses which.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>

#include "cli/commands.h"
#include "cli/explore_view.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/sampler_options.h"
#include "cli/screen.h"
#include "cli/text_source.h"
#include "cli/token_text.h"
#include "foretell/trace.h"
#include "generate/check_prompt.h"

namespace foretell::cli {
namespace {

constexpr size_t listed = 200;  // candidates that can be reached
constexpr int label_width = 24;
constexpr double step = 0.1, most_temperature = 5;  // of the temperature; half a step for top-p

// What each layer would say if it were the last, of one text. Everything is kept, as another token may be selected.
class Lens {
 public:
  Lens(const std::filesystem::path& model, const LoadOptions& options) : tracer_(Tracer::load(model, options)) {}

  void read(std::span<const TokenId> tokens) {
    const Trace trace = tracer_.run(tokens);
    std::vector<const float*> vectors;
    for (const LayerTrace& layer : trace.layers)
      vectors.push_back(layer.stream.data() + (static_cast<int64_t>(tokens.size()) - 1) * trace.hidden);
    logits_.clear();
    tracer_.read_out(
        vectors, [&](size_t, std::span<const float> logits) { logits_.emplace_back(logits.begin(), logits.end()); });
  }

  std::vector<LensRow> rows(TokenId selected, const Tokenizer& tokenizer) const {
    std::vector<LensRow> rows;
    for (const std::vector<float>& logits : logits_) {
      const float logit = logits[static_cast<size_t>(selected)];
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      rows.push_back({.layer = std::ssize(rows) + 1,
                      .probability = std::exp(logit - log_sum_exp(logits)),
                      .rank = 1 + std::count_if(logits.begin(), logits.end(), [&](float x) { return x > logit; }),
                      .best = shown_token(tokenizer.token_bytes(static_cast<TokenId>(best)), label_width)});
    }
    return rows;
  }

 private:
  Tracer tracer_;
  std::vector<std::vector<float>> logits_;  // [layers][vocabulary]
};

class Exploration {
 public:
  Exploration(Predictor& predictor, const Tokenizer& tokenizer, std::vector<TokenId> prompt, SamplingOptions sampling)
      : predictor_(predictor),
        tokenizer_(tokenizer),
        tokens_(std::move(prompt)),
        prompt_length_(tokens_.size()),
        sampling_(std::move(sampling)) {
    for (const TokenId id : tokens_) view_.texts.push_back(tokenizer_.token_bytes(id));
    view_.prompt_length = prompt_length_;
    read();
  }

  ExploreView& view() { return view_; }

  // Shows the lens, or hides it again; it is made when it is first asked for.
  void toggle_lens(const std::function<std::unique_ptr<Lens>()>& make) {
    with_lens_ = !with_lens_;
    if (with_lens_ && !lens_) lens_ = make();
    if (with_lens_) lens_->read(tokens_);
    show_selected(view_.selected);
  }

  void select(int64_t by) {
    const int64_t last = std::ssize(view_.prediction.tokens) - 1;
    show_selected(static_cast<size_t>(std::clamp<int64_t>(static_cast<int64_t>(view_.selected) + by, 0, last)));
  }

  void take_selected() { take(view_.prediction.tokens[view_.selected].id); }

  // One token by chance, and where the number fell.
  void draw() {
    const Draw& draw = *view_.prediction.draw;
    const std::string label = shown_token(tokenizer_.token_bytes(draw.id), label_width);
    if (!take(draw.id)) return;
    view_.message = fmt::format("drawn: {:.4f} fell on {} ({:.4f} to {:.4f})", draw.random, label, draw.from, draw.to);
  }

  void go_back() {
    if (tokens_.size() == prompt_length_) {
      view_.message = "this is where the prompt ends";
      return;
    }
    const TokenId last = tokens_.back();
    tokens_.pop_back();
    view_.texts.pop_back();
    read();
    // What was taken is selected, so that right and left undo each other.
    for (size_t i = 0; i < view_.prediction.tokens.size(); i++)
      if (view_.prediction.tokens[i].id == last) show_selected(i);
  }

  // Changes how the next token is drawn, and predicts anew.
  void change(const std::function<void(SamplingOptions&)>& change) {
    change(sampling_);
    const size_t selected = view_.selected;
    predict_next();
    show_selected(std::min(selected, view_.prediction.tokens.size() - 1));
  }

 private:
  bool take(TokenId id) {
    if (static_cast<int64_t>(tokens_.size()) >= predictor_.capacity()) {
      view_.message = fmt::format("the context is full: {} tokens (-c)", predictor_.capacity());
      view_.writing = false;
      return false;
    }
    tokens_.push_back(id);
    view_.texts.push_back(tokenizer_.token_bytes(id));
    read();
    return true;
  }

  // Reads what the model has not read yet, at least the last token, whose logits it needs.
  void read() {
    const auto length = static_cast<int64_t>(tokens_.size());
    if (predictor_.length() >= length) predictor_.truncate(length - 1);
    const auto known = static_cast<size_t>(predictor_.length());
    const auto logits = predictor_.read(std::span(tokens_).subspan(known), {});
    logits_.assign(logits.begin(), logits.end());
    predict_next();
    if (with_lens_) lens_->read(tokens_);
    show_selected(0);
  }

  void predict_next() {
    view_.message.clear();
    view_.prediction = predict(logits_, tokens_, sampling_, listed);
    view_.sampling = sampling_;
    view_.labels.clear();
    for (const PredictedToken& token : view_.prediction.tokens)
      view_.labels.push_back(shown_token(tokenizer_.token_bytes(token.id), label_width));
  }

  void show_selected(size_t index) {
    view_.selected = index;
    const TokenId id = view_.prediction.tokens[index].id;
    view_.selected_text = tokenizer_.token_bytes(id);
    view_.lens = with_lens_ ? lens_->rows(id, tokenizer_) : std::vector<LensRow>();
  }

  Predictor& predictor_;
  const Tokenizer& tokenizer_;
  std::vector<TokenId> tokens_;
  const size_t prompt_length_;
  SamplingOptions sampling_;
  std::vector<float> logits_;
  ExploreView view_;
  std::unique_ptr<Lens> lens_;
  bool with_lens_ = false;
};

class ExploreCommand {
 public:
  explicit ExploreCommand(Context& context) : context_(context) {}
  void add_options(CLI::App& command);
  void run();

 private:
  void talk(Exploration& exploration, Screen& screen) const;
  bool press(Exploration& exploration, const Key& key) const;
  static void set(Exploration& exploration, char key);

  Context& context_;
  PromptOptions prompt_;
  SamplerFlags samplers_;
  std::filesystem::path model_;
};

void ExploreCommand::add_options(CLI::App& command) {
  add_prompt_options(command, prompt_);
  add_sampler_options(command, samplers_, false);
  add_seed_option(command, context_);
  add_model_option(command, context_);
  add_compute_options(command, context_);
  add_output_options(command, context_, false);
}

void ExploreCommand::run() {
  const Prompt prompt = read_prompt(prompt_);
  std::optional<Screen> screen;
  if (!context_.out_terminal.interactive) screen.emplace();  // says what is missing before the model is loaded
  TextSource source(context_, false);
  Model model = source.load_model(context_);
  const std::vector<TokenId> ids = source.encode(prompt, !prompt_.no_special);
  Sequence sequence = new_sequence(model, context_);
  ModelPredictor predictor(model, sequence);
  check_prompt(sequence.capacity(), ids);
  SamplingOptions sampling = samplers_.over({});
  set_dry_breakers(sampling, samplers_, source.tokenizer());
  leave_guidance_out(sampling);
  sampling.seed = context_.options.seed ? *context_.options.seed : random_seed();
  stop_if_interrupted();
  screen.emplace();
  Exploration exploration(predictor, *source.tokenizer(), ids, sampling);
  exploration.view().model = source.path().filename().string();
  model_ = source.path();
  talk(exploration, *screen);
}

void ExploreCommand::talk(Exploration& exploration, Screen& screen) const {
  while (true) {
    ExploreView& view = exploration.view();
    const auto [columns, rows] = screen.size();
    screen.draw(explore_frame(view, columns, rows, context_.out_terminal.color));
    const Key key = screen.read_key(std::chrono::milliseconds(view.writing ? 60 : 1000));
    if (key.kind == Key::Kind::None) {
      if (view.writing) exploration.draw();
    } else if (view.writing) {
      view.writing = false;
    } else if (!press(exploration, key)) {
      return;
    }
  }
}

// False: leave.
bool ExploreCommand::press(Exploration& exploration, const Key& key) const {
  ExploreView& view = exploration.view();
  const bool had_help = std::exchange(view.help, false);
  switch (key.kind) {
    case Key::Kind::Up:
      exploration.select(-1);
      return true;
    case Key::Kind::Down:
      exploration.select(1);
      return true;
    case Key::Kind::PageUp:
      exploration.select(-10);
      return true;
    case Key::Kind::PageDown:
      exploration.select(10);
      return true;
    case Key::Kind::Home:
      exploration.select(-static_cast<int64_t>(listed));
      return true;
    case Key::Kind::End:
      exploration.select(listed);
      return true;
    case Key::Kind::Right:
    case Key::Kind::Enter:
      exploration.take_selected();
      return true;
    case Key::Kind::Left:
    case Key::Kind::Backspace:
      exploration.go_back();
      return true;
    case Key::Kind::Escape:
      return had_help;
    case Key::Kind::Character:
      if (key.character == 'q') return false;
      if (key.character == 'l')
        exploration.toggle_lens([&] {
          return std::make_unique<Lens>(model_,
                                        LoadOptions{.threads = static_cast<int>(context_.options.threads.value_or(0)),
                                                    .isa = context_.options.isa});
        });
      view.help = key.character == '?' && !had_help;
      set(exploration, key.character);
      return true;
    default:
      return true;
  }
}

void ExploreCommand::set(Exploration& exploration, char key) {
  switch (key) {
    case '+':
    case '=':
      return exploration.change(
          [](SamplingOptions& s) { s.temperature = std::min(most_temperature, s.temperature + step); });
    case '-':
      return exploration.change(
          [](SamplingOptions& s) { s.temperature = s.temperature < 1.5 * step ? 0 : s.temperature - step; });
    case '0':
      return exploration.change([](SamplingOptions& s) { s.temperature = 0; });
    case '1':
      return exploration.change([](SamplingOptions& s) { s.temperature = 1; });
    case ']':
      return exploration.change([](SamplingOptions& s) { s.top_k = s.top_k == 0 ? 1 : s.top_k * 2; });
    case '[':
      return exploration.change([](SamplingOptions& s) { s.top_k /= 2; });
    case '}':
      return exploration.change([](SamplingOptions& s) { s.top_p = std::min(1.0, s.top_p + step / 2); });
    case '{':
      return exploration.change([](SamplingOptions& s) { s.top_p = std::max(step / 2, s.top_p - step / 2); });
    case 'd':
      return exploration.draw();
    case ' ':
      exploration.view().writing = true;
      return;
    default:
      return;
  }
}

}  // namespace

void add_explore_command(CLI::App& app, Context& context) {
  const auto explore = std::make_shared<ExploreCommand>(context);
  CLI::App& command = add_command(
      app, context, "explore", "Choose each next token by hand, in a full-screen terminal",
      {"foretell explore -p \"Once upon a time\"", "foretell explore -m org/name -p \"The answer is\" --temp 0.8"},
      [explore] { explore->run(); });
  explore->add_options(command);
}

}  // namespace foretell::cli
