#include "cli/text_source.h"

#include <spdlog/spdlog.h>

#include "generate/defaults.h"

namespace foretell::cli {
TextSource::TextSource(const Context& context, bool ids_only)
    : source_(open_source(context)), defaults_(generation_defaults(source_.checkpoint)) {
  try {
    tokenizer_.emplace(load_tokenizer(source_));
  } catch (const Error& error) {
    if (!ids_only) throw;
    spdlog::debug("no tokenizer: {}", error.what());
  }
}

std::vector<TokenId> TextSource::encode(const Prompt& prompt, bool special) const {
  if (prompt.ids) return *prompt.ids;
  std::vector<TokenId> ids = prompt_ids(*tokenizer_, prompt.text, special);
  if (ids.empty() && special && !defaults_.bos_ids.empty()) {
    ids.push_back(defaults_.bos_ids.front());
    spdlog::debug("the prompt is empty: it begins with token {}", ids.front());
  }
  return ids;
}

std::string TextSource::decode(std::span<const TokenId> ids) const {
  return tokenizer_ ? tokenizer_->decode(ids) : std::string();
}

Sequence new_sequence(const Model& model, const Context& context) {
  const int64_t wanted = context.options.context.value_or(0);
  Sequence sequence(model, wanted);
  if (sequence.capacity() < wanted) {
    spdlog::warn("the context is {} tokens, as the model can read no more", sequence.capacity());
  }
  return sequence;
}

}  // namespace foretell::cli
