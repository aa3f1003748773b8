// What `generate` and `chat` show of a text that was written.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/text_source.h"
#include "foretell/generate.h"

namespace foretell::cli {

// What every command says of it.
nlohmann::ordered_json generation_json(const std::vector<TokenId>& prompt_ids, const Generation& generation,
                                       double load_s);
// "30 tokens in 0.500 s (60.0 tokens/s)"
std::string tokens_in(int64_t tokens, double seconds);

class GenerationView {
 public:
  // Both must outlive it.
  GenerationView(Context& context, const TextSource& source, bool with_logprobs)
      : context_(context), source_(source), with_logprobs_(with_logprobs) {}

  double load_s = 0;  // that loading took

  // `echoed`: the prompt's text, where it is to stand before the generated one.
  nlohmann::ordered_json document(const std::vector<TokenId>& prompt_ids, const std::string& echoed,
                                  const Generation& generation) const;
  void print_logprobs(const Generation& generation);
  void report(const Generation& generation, bool stats) const;  // to the log

 private:
  nlohmann::ordered_json logprobs(const Generation& generation) const;

  Context& context_;
  const TextSource& source_;
  bool with_logprobs_;
};

}  // namespace foretell::cli
