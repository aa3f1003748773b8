#include "foretell/generate.h"

#include <optional>

#include "base/clock.h"
#include "generate/check_prompt.h"
#include "generate/contrastive_search.h"
#include "generate/dola_predictor.h"
#include "generate/speculation.h"
#include "generate/written_text.h"

namespace foretell {
namespace {

// The driver of one text: reads its tokens, with guesses at those that may come next.
class Run {
 public:
  Run(Predictor& predictor, const Tokenizer* tokenizer, std::span<const TokenId> prompt, const GenerateOptions& options,
      const OnText& on_text)
      : predictor_(predictor),
        options_(options),
        text_(tokenizer, prompt, options, predictor.capacity(), on_text),
        speculation_(predictor, options, text_.sampling(), prompt) {}

  Generation run() {
    const FinishReason reason = write();
    Generation result = text_.finish(reason);
    timing_.decode_tokens = result.timing.decode_tokens;
    result.timing = timing_;
    result.drafted_tokens = speculation_.drafted();
    result.accepted_tokens = speculation_.accepted();
    return result;
  }

 private:
  FinishReason write() {
    if (const auto reason = text_.begin()) return *reason;
    const std::span<const float> logits = prefill();
    if (logits.empty()) return stopped_;
    const auto start = Clock::now();
    const FinishReason reason = decode(logits);
    timing_.decode_s = seconds_since(start);
    return reason;
  }

  // Whether reading is to end early.
  bool stopping() {
    const auto reason = text_.stop();
    if (reason) stopped_ = *reason;
    return reason.has_value();
  }

  // The logits after the prompt; empty where reading it ended early.
  std::span<const float> prefill() {
    // What was read stays read, but for the last token: it has to be read now to get its logits.
    const std::span<const TokenId> history = text_.history();
    const auto last = static_cast<int64_t>(history.size()) - 1;
    if (predictor_.length() > last) predictor_.truncate(last);
    const auto known = static_cast<size_t>(predictor_.length());
    const auto start = Clock::now();
    const std::function<bool()> stop = [this, known, total = history.size() - known] {
      if (options_.on_prefill) options_.on_prefill(static_cast<size_t>(predictor_.length()) - known, total);
      return stopping();
    };
    const auto logits = predictor_.read(history.subspan(known), stop);
    if (options_.on_prefill) options_.on_prefill(history.size() - known, history.size() - known);
    timing_.prefill_s = seconds_since(start);
    timing_.prefill_tokens = predictor_.length() - static_cast<int64_t>(known);
    return logits;
  }

  FinishReason decode(std::span<const float> logits) {
    Speculation::Ahead ahead{.guesses = {}, .logits = {&logits, 1}};
    while (true) {
      if (const auto reason = choose(ahead)) return *reason;
      const size_t chosen = text_.history().size();
      if (const auto reason = text_.append_forced()) return *reason;
      if (text_.history().size() == chosen) {
        ahead = speculation_.read_on(text_.history(), static_cast<size_t>(text_.left() - 1));
        continue;
      }
      const auto unread = text_.history().subspan(static_cast<size_t>(predictor_.length()));
      logits = predictor_.read(unread, [this] { return stopping(); });
      if (logits.empty()) return stopped_;
      ahead = {.guesses = {}, .logits = {&logits, 1}};
    }
  }

  // Chooses the next token, and one more after each guess for as long as the guesses come true.
  std::optional<FinishReason> choose(const Speculation::Ahead& ahead) {
    const size_t before = text_.history().size();
    std::optional<FinishReason> reason;
    size_t accepted = 0;
    while (true) {
      reason = text_.choose(ahead.logits[accepted]);
      const std::span<const TokenId> history = text_.history();
      const bool came = accepted < ahead.guesses.size() && history.size() == before + accepted + 1 &&
                        history.back() == ahead.guesses[accepted];
      if (came) accepted++;
      if (reason || !came) break;
    }
    speculation_.judge(accepted);
    const auto right = static_cast<int64_t>(before + accepted);  // tokens of the history that were read
    if (predictor_.length() > right) predictor_.truncate(right);
    return reason;
  }

  Predictor& predictor_;
  const GenerateOptions& options_;
  WrittenText text_;
  Speculation speculation_;
  GenerateTiming timing_;
  FinishReason stopped_ = FinishReason::Interrupted;  // why reading ended early
};

}  // namespace

std::string_view name(FinishReason reason) {
  switch (reason) {
    case FinishReason::Stop:
      return "stop";
    case FinishReason::Length:
      return "length";
    case FinishReason::Context:
      return "context";
    case FinishReason::Interrupted:
      return "interrupted";
  }
  return "";
}

Generation generate(Predictor& predictor, const Tokenizer* tokenizer, std::span<const TokenId> prompt,
                    const GenerateOptions& options, const OnText& on_text) {
  if (options.contrastive || options.dola)
    throw Error({.what = std::string(options.contrastive ? "contrastive search" : "DoLa") + " needs the model itself"});
  check_prompt(predictor.capacity(), prompt);
  return Run(predictor, tokenizer, prompt, options, on_text).run();
}

Generation generate(Model& model, const Tokenizer* tokenizer, Sequence& sequence, std::span<const TokenId> prompt,
                    const GenerateOptions& options, const OnText& on_text) {
  if (options.contrastive) return search_contrastively(model, tokenizer, sequence, prompt, options, on_text);
  if (options.dola) {
    DolaPredictor predictor(model, sequence, *options.dola);
    GenerateOptions rest = options;
    rest.dola.reset();
    return generate(predictor, tokenizer, prompt, rest, on_text);
  }
  ModelPredictor predictor(model, sequence);
  return generate(predictor, tokenizer, prompt, options, on_text);
}

}  // namespace foretell
