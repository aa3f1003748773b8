// Many texts written at the same time: the weights are read once for all of them.
//
//   foretell::Batch batch(model, &tokenizer);
//   for (const std::string& prompt : prompts)
//     batch.add({.prompt = foretell::prompt_ids(tokenizer, prompt), .options = options});
//   batch.run([](size_t index, const foretell::BatchResult& result) { ... });
//
// Each text is bit by bit the one that generate() writes with the same options. Threads: as Model's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "foretell/error.h"
#include "foretell/generate.h"
#include "foretell/model.h"

namespace foretell {

struct BatchText {
  std::vector<TokenId> prompt;
  GenerateOptions options;  // its speculation is left out: the step is shared already
  OnText on_text = {};
};

struct BatchResult {
  std::optional<Generation> generation;
  std::optional<Error> error;  // why there is none; the other texts go on
};

struct BatchOptions {
  size_t at_once = 16;   // texts; where one ends the next takes its place
  int64_t capacity = 0;  // of each text and its prompt, in tokens; 0: the model's context length
  // Asked before each step; where it says true, the texts that are being written end with FinishReason::Interrupted,
  // and those that wait are not begun.
  std::function<bool()> interrupted = {};
};

class Batch {
 public:
  // Model and tokenizer (null: ids only) must outlive it.
  Batch(Model& model, const Tokenizer* tokenizer, const BatchOptions& options = {});
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Its index: 0, 1, ... May be called inside of run()'s callbacks.
  size_t add(BatchText text);

  // What any prompts begin with may be read beforehand: texts that begin so share it. The sequence is used during
  // run().
  void share_beginning(const Sequence& sequence) { beginning_ = &sequence; }

  // Writes all texts that were added and calls `done` for each as it ends. What prompts have in common with texts that
  // are being written is not read again. Where places are free and no text waits, `more` is asked to add some.
  using Done = std::function<void(size_t index, BatchResult result)>;
  void run(const Done& done, const std::function<void()>& more = {});

  // Tokens that were read in all, and those of prompts that were shared instead.
  int64_t tokens_read() const { return tokens_read_; }
  int64_t tokens_shared() const { return tokens_shared_; }

 private:
  struct Place;
  struct Waiting {
    size_t index;
    BatchText text;
  };
  void fill_places(const Done& done, const std::function<void()>& more);
  void begin(Waiting waiting, const Done& done);
  bool shares_what_is_unread(std::span<const TokenId> prompt) const;
  void share_beginning_with(Sequence& own, std::span<const TokenId> prompt) const;
  void read_ahead();
  void read_last();
  void draw();
  void append(const Done& done);
  void end(Place& place, FinishReason reason, const Done& done);

  Model& model_;
  const Tokenizer* tokenizer_;
  const BatchOptions options_;
  const Sequence* beginning_ = nullptr;
  std::deque<Waiting> waiting_;
  size_t added_ = 0;
  std::vector<std::unique_ptr<Place>> places_;
  int64_t tokens_read_ = 0, tokens_shared_ = 0;

  // Of the step in hand; their memory is used again.
  std::vector<Span> spans_;
  std::vector<Place*> reading_, drawing_;
};

}  // namespace foretell
