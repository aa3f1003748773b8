#include "cli/text_source.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "generate/defaults.h"

namespace foretell::cli {
namespace {

// What is parsed takes several times the file's size for a moment. Beyond this the weights wait, so that the peak is
// not the sum of both.
constexpr size_t large_tokenizer = 8 << 20;

}  // namespace

TextSource::TextSource(const Context& context, bool ids_only)
    : source_(open_source(context)), defaults_(generation_defaults(source_.checkpoint)), ids_only_(ids_only) {
  const bool large = tokenizer_bytes(source_) > large_tokenizer;
  loading_ = std::async(std::launch::async, [this] {
    Tokenizer tokenizer = load_tokenizer(source_);
    source_.checkpoint.tokenizer_json = {};
    return tokenizer;
  });
  if (large) wait();
}

void TextSource::wait() const {
  if (!loading_.valid()) return;
  try {
    tokenizer_.emplace(loading_.get());
  } catch (const Error& error) {
    if (!ids_only_) throw;
    spdlog::debug("no tokenizer: {}", error.what());
  }
}

const Tokenizer* TextSource::tokenizer() const {
  wait();
  return tokenizer_ ? &*tokenizer_ : nullptr;
}

Model TextSource::load_model(const Context& context) {
  const auto stop_early = [this] {
    if (loading_.valid() && loading_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) wait();
  };
  try {
    Model model = cli::load_model(path(), context, stop_early);
    wait();
    return model;
  } catch (...) {
    wait();
    throw;
  }
}

std::vector<TokenId> TextSource::encode(const Prompt& prompt, bool special) const {
  if (prompt.ids) return *prompt.ids;
  std::vector<TokenId> ids = prompt_ids(*tokenizer(), prompt.text, special);
  if (ids.empty() && special && !defaults_.bos_ids.empty()) {
    ids.push_back(defaults_.bos_ids.front());
    spdlog::debug("the prompt is empty: it begins with token {}", ids.front());
  }
  return ids;
}

std::string TextSource::decode(std::span<const TokenId> ids) const {
  return tokenizer() ? tokenizer()->decode(ids) : std::string();
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
