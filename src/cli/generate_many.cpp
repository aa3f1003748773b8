#include "cli/generate_many.h"

#include <spdlog/spdlog.h>

#include "base/clock.h"
#include "cli/token_text.h"

namespace foretell::cli {

void TextsInTurn::write(Batch& batch, const GenerateOptions& options, size_t count) {
  seed_ = *options.sampling.seed;
  count_ = count;
  const auto start = Clock::now();
  int64_t tokens = 0;
  const auto done = [&](size_t index, BatchResult result) {
    if (result.generation) tokens += result.generation->timing.decode_tokens;
    take(index, std::move(result));
  };
  batch.run(done, [&] {
    if (added_ < count_) batch.add(next(options));
  });
  const double seconds = seconds_since(start);
  if (shown_.stats)
    spdlog::info("all texts: {} tokens in {:.3f} s ({:.1f} tokens/s)", tokens, seconds,
                 seconds > 0 ? static_cast<double>(tokens) / seconds : 0);
}

BatchText TextsInTurn::next(const GenerateOptions& options) {
  const size_t index = added_++;
  BatchText text{.prompt = shown_.prompt_ids, .options = options};
  text.options.sampling.seed = seed_ + index;
  if (!context_.options.json) text.on_text = [this, index](std::string_view piece) { take(index, piece); };
  return text;
}

void TextsInTurn::take(size_t index, std::string_view text) {
  if (index != turn_) {
    waiting_[index].text += text;
    return;
  }
  begin_turn();
  print(text);
  context_.out.flush();
}

void TextsInTurn::take(size_t index, BatchResult result) {
  if (result.error) throw Error(*result.error);
  waiting_[index].generation = std::move(result.generation);
  // Those that waited for this one.
  for (auto first = waiting_.find(turn_); first != waiting_.end(); first = waiting_.find(turn_)) {
    if (!context_.options.json) {
      begin_turn();
      print(first->second.text);
      first->second.text.clear();
      context_.out.flush();
    }
    if (!first->second.generation) return;  // from now on it is streamed
    end_turn(*first->second.generation);
    waiting_.erase(first);
    turn_++;
    begun_ = false;
  }
}

void TextsInTurn::print(std::string_view text) {
  if (text.empty()) return;
  context_.out.write(context_.out_terminal.interactive ? harmless(text) : std::string(text));
  ends_line_ = text.ends_with('\n');
}

void TextsInTurn::begin_turn() {
  if (begun_) return;
  begun_ = true;
  context_.out.write("--- " + std::to_string(turn_ + 1) + " of " + std::to_string(count_) + ", seed " +
                     std::to_string(seed_ + turn_) + "\n" + shown_.echoed);
  ends_line_ = shown_.echoed.ends_with('\n');
}

void TextsInTurn::end_turn(const Generation& generation) {
  if (context_.options.json) {
    context_.print_json(view_.document(shown_.prompt_ids, shown_.echoed, generation));
  } else {
    if (source_.tokenizer() == nullptr) print(CLI::detail::join(generation.ids, ","));
    if (!ends_line_) context_.out.write("\n");
    if (shown_.logprobs) view_.print_logprobs(generation);
  }
  context_.out.flush();
  view_.report(generation, shown_.stats);
}

}  // namespace foretell::cli
