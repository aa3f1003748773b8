// All of a model but its weights: what turns a prompt into ids, and the publisher's settings.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/model_source.h"
#include "cli/prompt.h"
#include "foretell/generate.h"

namespace foretell::cli {

class TextSource {
 public:
  // From the common options. `ids_only`: the prompt is made of ids, so a model without a tokenizer will do.
  TextSource(const Context& context, bool ids_only);

  const std::filesystem::path& path() const { return source_.path; }
  const Tokenizer* tokenizer() const { return tokenizer_ ? &*tokenizer_ : nullptr; }
  const GenerationDefaults& defaults() const { return defaults_; }

  // A prompt of no tokens becomes the model's beginning-of-text token, where it has one and special tokens are wanted.
  std::vector<TokenId> encode(const Prompt& prompt, bool special) const;
  std::string decode(std::span<const TokenId> ids) const;

 private:
  ModelSource source_;
  GenerationDefaults defaults_;
  std::optional<Tokenizer> tokenizer_;
};

// With the context that was asked for; says so where the model has less.
Sequence new_sequence(const Model& model, const Context& context);

}  // namespace foretell::cli
