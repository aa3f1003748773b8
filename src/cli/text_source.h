// A model that is being loaded: what turns a prompt into ids, the publisher's settings, and the weights.
#pragma once

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/model_source.h"
#include "cli/prompt.h"
#include "foretell/generation_defaults.h"

namespace foretell::cli {

class TextSource {
 public:
  // From the common options. `ids_only`: the prompt is made of ids, so a model without a tokenizer will do. The
  // tokenizer is read by a thread of its own, and waited for where it is used.
  TextSource(const Context& context, bool ids_only);
  TextSource(const TextSource&) = delete;
  TextSource& operator=(const TextSource&) = delete;

  // The weights. Of two errors the tokenizer's is the one that is thrown.
  Model load_model(const Context& context);

  const std::filesystem::path& path() const { return source_.path; }
  const Tokenizer* tokenizer() const;
  const GenerationDefaults& defaults() const { return defaults_; }

  // A prompt of no tokens becomes the model's beginning-of-text token, where it has one and special tokens are wanted.
  std::vector<TokenId> encode(const Prompt& prompt, bool special) const;
  std::string decode(std::span<const TokenId> ids) const;

 private:
  void wait() const;

  ModelSource source_;
  GenerationDefaults defaults_;
  bool ids_only_;
  mutable std::optional<Tokenizer> tokenizer_;
  mutable std::future<Tokenizer> loading_;
};

// With the context that was asked for; says so where the model has less.
Sequence new_sequence(const Model& model, const Context& context);

}  // namespace foretell::cli
