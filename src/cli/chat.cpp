// `foretell chat`: a conversation, one answer, or the prompt that a template makes of it.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cctype>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/chat_input.h"
#include "cli/chat_loop.h"
#include "cli/chat_session.h"
#include "cli/commands.h"
#include "cli/constraint_options.h"
#include "cli/generation_options.h"
#include "cli/generation_view.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "cli/strategy_options.h"
#include "cli/text_source.h"
#include "cli/token_text.h"
#include "generate/answer_parts.h"

namespace foretell::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

enum class Thoughts { Dim, Hide, Show };

class ChatCommand {
 public:
  explicit ChatCommand(Context& context) : context_(context) {}
  void add_options(CLI::App& command);
  void run();

 private:
  Conversation conversation(const ChatSource& source) const;
  void render(const Conversation& conversation, const ChatTemplate& chat, const fs::path& model);
  void talk(Conversation& conversation, const ChatTemplate& chat);
  void answer(ChatSession& session, Conversation& conversation, GenerateOptions& options, bool only_one);
  void print_part(AnswerPart part, std::string_view text);
  void print_json(const ChatAnswer& answer, const Json& message) const;
  void report(const ChatAnswer& answer) const;
  void set(GenerateOptions& options, const std::string& name, const std::string& value);

  Context& context_;
  PromptOptions prompt_;
  GenerationFlags flags_{.samplers = {}, .stop = {}, .max_tokens = 2048};
  StrategyFlags strategies_;
  ConstraintFlags form_;
  std::optional<std::string> system_, template_, tools_, messages_;
  std::vector<std::string> template_args_;
  bool render_ = false, no_generation_prompt_ = false, special_ = false, shift_ = false;
  Thoughts thoughts_ = Thoughts::Dim;

  double load_s_ = 0;
  std::string last_;  // what was printed last
  AnswerPart last_part_ = AnswerPart::Said;
};

void ChatCommand::add_options(CLI::App& command) {
  add_prompt_options(command, prompt_, {.ids = false, .no_special = false});
  const auto add = [&](const char* names, std::optional<std::string>& target, const char* type, const char* help) {
    add_text(command, names, target, type, help)->group("Chat");
  };
  add("-s,--system", system_, "TEXT", "What the model is told first");
  add("--messages", messages_, "FILE",
      "A conversation so far: a JSON list of {\"role\", \"content\"} (-: standard input)");
  add("--tools", tools_, "FILE", "Functions that the model may call, as a JSON list of their schemas");
  add("--template", template_, "FILE", "Another chat template: a file, or the name of one that the model has");
  add_texts(command, "--template-arg", template_args_, "K=V",
            "A variable for the template, as JSON where V is, else as a text; may be repeated")
      ->group("Chat");
  add_switch(command, "--render", render_, "Print the prompt that the template makes, and do not run")->group("Chat");
  add_switch(command, "--no-generation-prompt", no_generation_prompt_, "Do not begin the model's answer in the prompt")
      ->group("Chat");
  add_switch(command, "--special", special_, "Special tokens that are written in a message are special there, too")
      ->group("Chat");
  add_switch(command, "--context-shift", shift_,
             "Where the context is full, forget the oldest turns; else that is an error")
      ->group("Chat");
  add_choice<Thoughts>(command, "--thoughts", thoughts_,
                       {{"dim", Thoughts::Dim}, {"hide", Thoughts::Hide}, {"show", Thoughts::Show}},
                       "How the thinking of a reasoning model is shown")
      ->group("Chat");
  add_generation_options(command, flags_, "The most tokens of an answer");
  add_strategy_options(command, strategies_);
  add_constraint_options(command, form_);
  add_seed_option(command, context_);
  add_model_option(command, context_);
  add_compute_options(command, context_);
  add_output_options(command, context_);
}

Json read_list(const std::string& file, const char* what) {
  try {
    return list_of(Json::parse(read_input(file)), what, file);
  } catch (const Json::parse_error& error) {
    throw Error({.what = "not valid JSON", .file = file, .found = error.what()});
  }
}

Conversation ChatCommand::conversation(const ChatSource& source) const {
  Conversation conversation;
  conversation.settings = source.special_tokens;
  for (const std::string& argument : template_args_) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError(
          {.what = "--template-arg is not of its form", .expected = "NAME=VALUE", .found = "\"" + argument + "\""});
    const std::string value = argument.substr(equals + 1);
    const Json json = Json::parse(value, nullptr, false);
    conversation.settings[argument.substr(0, equals)] = json.is_discarded() ? Json(value) : json;
  }
  conversation.now = template_time();
  if (messages_) conversation.messages = read_list(*messages_, "messages");
  if (tools_) conversation.tools = read_list(*tools_, "tools");
  if (system_) conversation.set_system(*system_);
  if (prompt_.text || prompt_.file) conversation.add("user", read_prompt(prompt_).text);
  return conversation;
}

void ChatCommand::run() {
  const ChatSource source = read_chat_source(context_);
  Conversation conversation = this->conversation(source);
  const ChatTemplate chat = read_template(source, template_, !conversation.tools.is_null());
  render_ ? render(conversation, chat, find_model(context_.options.model)) : talk(conversation, chat);
}

void ChatCommand::render(const Conversation& conversation, const ChatTemplate& chat, const fs::path& model) {
  const std::vector<RenderedPiece> pieces = conversation.render(chat, !no_generation_prompt_);
  if (!context_.options.json) return context_.out.write(joined(pieces));
  const bool gguf = model.extension() == ".gguf";
  const Tokenizer tokenizer = gguf ? load_tokenizer(open_source(context_)) : load_tokenizer(model);
  context_.print_json({{"prompt", joined(pieces)}, {"ids", encode_chat(tokenizer, pieces, special_)}});
}

void ChatCommand::talk(Conversation& conversation, const ChatTemplate& chat) {
  const auto start = Clock::now();
  strategies_.check(flags_.samplers, {}, {});
  const std::optional<Grammar> grammar = form_.read();
  TextSource source(context_, false);
  Model model = source.load_model(context_);
  GenerateOptions options = generation_options(flags_, source);
  leave_guidance_out(options.sampling);
  strategies_.choose(options, flags_.samplers, source.defaults(), true);
  flags_.samplers.check_tokens(model.vocabulary_size());
  std::optional<Constraint> constraint;
  if (grammar) {
    constraint.emplace(*grammar, *source.tokenizer(), end_ids(flags_, options.sampling));
    options.constraint = &*constraint;
  }
  Sequence sequence = new_sequence(model, context_);
  if (options.dola) check_dola(*options.dola, model, sequence, options.sampling);
  ChatSession session(model, sequence, *source.tokenizer(), chat, special_);
  load_s_ = seconds_since(start);

  const InterruptGuard guard;
  const bool one = prompt_.text || prompt_.file || (messages_ && !isatty(STDIN_FILENO));
  if (one) {
    answer(session, conversation, options, true);
    return;
  }
  ChatLoop loop(
      context_, conversation, session, [&] { return answer(session, conversation, options, false); },
      [&](const std::string& name, const std::string& value) { set(options, name, value); });
  if (messages_ && !conversation.messages.empty() && conversation.messages.back().value("role", "") == "user")
    answer(session, conversation, options, false);
  loop.run();
}

void ChatCommand::print_part(AnswerPart part, std::string_view text) {
  if (part == AnswerPart::Thought && thoughts_ == Thoughts::Hide) return;
  const Terminal& terminal = context_.out_terminal;
  if (part != last_part_ && !last_.empty() && !last_.ends_with('\n')) context_.out.write("\n");
  last_part_ = part;
  const bool plain = part == AnswerPart::Said || (part == AnswerPart::Thought && thoughts_ == Thoughts::Show);
  const std::string shown = terminal.interactive ? harmless(text) : std::string(text);
  context_.out.write(styled(terminal.color && !plain, part == AnswerPart::Thought ? "2" : "33", shown));
  context_.out.flush();
  last_ = text;
}

void ChatCommand::answer(ChatSession& session, Conversation& conversation, GenerateOptions& options, bool only_one) {
  const bool json = context_.options.json;
  options.sampling.seed = seed_of(context_);
  const Terminal& terminal = context_.err_terminal;
  Progress progress("reading", terminal.interactive && !context_.options.quiet, terminal.width);
  options.on_prefill = [&progress](size_t done, size_t total) { progress.update(done, total); };
  last_.clear();
  last_part_ = AnswerPart::Said;
  std::optional<AnswerSplitter> splitter;
  const ChatAnswer answer = session.answer(
      conversation, options, shift_,
      [&](const std::string& prompt) {
        splitter.emplace(prompt, [this](AnswerPart part, std::string_view text) { print_part(part, text); });
      },
      json ? OnText() : [&](std::string_view text) { splitter->push(text); });
  if (json) {
    print_json(answer, conversation.messages.back());
  } else {
    splitter->finish();
    if (!last_.ends_with('\n')) context_.out.write("\n");
  }
  context_.out.flush();
  report(answer);
  if (!only_one && interrupted()) forget_interrupt();
}

void ChatCommand::print_json(const ChatAnswer& answer, const Json& message) const {
  Json document = generation_json(answer.prompt_ids, answer.generation, load_s_);
  document["message"] = message;
  document["reused_tokens"] = answer.reused;
  document["dropped_messages"] = answer.dropped;
  context_.print_json(document);
}

void ChatCommand::report(const ChatAnswer& answer) const {
  const Generation& g = answer.generation;
  spdlog::debug("seed {}, finish reason {}", g.seed, name(g.finish_reason));
  if (answer.dropped > 0) spdlog::info("the context was full: the {} oldest messages are forgotten", answer.dropped);
  if (g.finish_reason == FinishReason::Length)
    spdlog::info("the answer is cut at {} tokens (-n)", g.timing.decode_tokens);
  if (g.finish_reason == FinishReason::Context) spdlog::info("the answer is cut: the context is full (-c)");
  if (!flags_.stats) return;
  spdlog::info("prompt {} tokens, of which {} were read before; {}; answer {}", answer.prompt_ids.size(), answer.reused,
               tokens_in(g.timing.prefill_tokens, g.timing.prefill_s),
               tokens_in(g.timing.decode_tokens, g.timing.decode_s));
}

// /set temp 0.7
void ChatCommand::set(GenerateOptions& options, const std::string& name, const std::string& value) {
  if (name.empty()) {
    for (const SamplingParameter& p : sampling_parameters())
      if (p.get(options.sampling) != p.get(SamplingOptions{}))
        context_.out.write(fmt::format("  {} {}\n", p.flag, p.get(options.sampling)));
    return;
  }
  for (const SamplingParameter& p : sampling_parameters()) {
    if (p.flag != name) continue;
    const double number = parse_number(std::string_view(value), Real{}, name);
    if (!p.contains(number))
      throw UsageError({.what = name + " is out of range", .expected = p.range(), .found = value});
    p.set(options.sampling, number);
    if (options.contrastive && p.flag == "top-k") {
      options.contrastive->top_k = std::max<int64_t>(options.sampling.top_k, 1);
    } else if (decides_the_draw(p)) {
      options.contrastive.reset();
    }
    return;
  }
  throw UsageError({.what = "no such setting: " + name, .hint = "the samplers' flags of --help, without --"});
}

}  // namespace

void add_chat_command(CLI::App& app, Context& context) {
  const auto chat = std::make_shared<ChatCommand>(context);
  CLI::App& command =
      add_command(app, context, "chat", "A conversation with a model",
                  {"foretell chat", "foretell chat -s \"Answer in one word.\" -p \"The capital of France?\"",
                   "foretell chat --messages conversation.json --render"},
                  [chat] { chat->run(); });
  chat->add_options(command);
}

}  // namespace foretell::cli
