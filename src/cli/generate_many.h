// Several texts of one prompt, written at the same time and printed one after the other.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"
#include "cli/generation_view.h"
#include "foretell/batch.h"

namespace foretell::cli {

class TextsInTurn {
 public:
  struct Shown {
    const std::vector<TokenId>& prompt_ids;
    const std::string& echoed;
    bool logprobs = false, stats = false;
  };
  TextsInTurn(Context& context, const TextSource& source, GenerationView& view, const Shown& shown)
      : context_(context), source_(source), view_(view), shown_(shown) {}

  // `count` texts with seeds that count up from that of the options. The first that is not done yet is streamed.
  void write(Batch& batch, const GenerateOptions& options, size_t count);

 private:
  struct Waiting {  // for its turn
    std::string text;
    std::optional<Generation> generation;
  };
  BatchText next(const GenerateOptions& options);
  void take(size_t index, std::string_view text);
  void take(size_t index, BatchResult result);
  void print(std::string_view text);
  void begin_turn();
  void end_turn(const Generation& generation);

  Context& context_;
  const TextSource& source_;
  GenerationView& view_;
  const Shown shown_;
  uint64_t seed_ = 0;
  size_t count_ = 0, added_ = 0;
  size_t turn_ = 0;  // the text that is streamed
  bool begun_ = false, ends_line_ = false;
  std::map<size_t, Waiting> waiting_;
};

}  // namespace foretell::cli
