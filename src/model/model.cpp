#include "foretell/model.h"

#include <algorithm>
#include <string>
#include <vector>

#include "arch/apply_adapter.h"
#include "arch/open_model.h"
#include "kernels/dispatch.h"
#include "model/implementation.h"
#include "model/rotary.h"

namespace foretell {

Model::Implementation::Implementation(const std::filesystem::path& path, const LoadOptions& options)
    : table_(kernels::select_table(options.isa)),
      precision_(options.precision),
      pool_(options.threads > 0 ? options.threads : available_cores()) {
  auto checkpoint = std::make_shared<Checkpoint>(open_model(path, {.tokenizer = false}));
  const ConfigReader config(checkpoint->config, checkpoint->config_file());
  const Family& family = find_family(config);
  spec_ = family.describe(config);
  for (const AdapterChoice& adapter : options.adapters)
    apply_adapter(*checkpoint, family, spec_, read_adapter(adapter.path, adapter.scale));
  log_ = options.log;
  weights_ =
      bind(family, spec_, std::move(checkpoint), table_, pool_,
           {.quantize_bits = options.quantize_bits, .precision = options.precision, .progress = options.progress});
  forward_ = std::make_unique<Forward>(spec_, weights_, table_, pool_, options.precision, options.kv_cache);
}

void Model::Implementation::check(std::span<const Span> spans) const {
  for (size_t i = 0; i < spans.size(); i++) {
    const Span& span = spans[i];
    for (size_t j = 0; j < i; j++)
      if (spans[j].sequence == span.sequence) throw Error({.what = "a sequence stands in one step twice"});
    const KvCache& cache = span.sequence->implementation().cache;
    const auto length = static_cast<int64_t>(cache.tokens.size() + span.tokens.size());
    if (length > cache.capacity())
      throw Error({.what = "the text is longer than the context",
                   .expected = "at most " + std::to_string(cache.capacity()) + " tokens",
                   .found = std::to_string(length)});
    for (const TokenId id : span.tokens) {
      if (id < 0 || id >= spec_.vocabulary)
        throw Error({.what = "a token id is outside of the model's vocabulary",
                     .expected = "0 to " + std::to_string(spec_.vocabulary - 1),
                     .found = std::to_string(id)});
    }
  }
}

int64_t Model::Implementation::rotary_regime_at(int64_t length) const {
  int64_t regime = 0;
  for (const LayerSpec& layer : spec_.layers) {
    const Attention* a = attention_of(layer);
    if (a != nullptr && a->rotary) regime = std::max(regime, rotary_regime(*a->rotary, length));
  }
  return regime;
}

// Some rotary scalings turn all tokens by what depends on the length of the whole sequence: where that changes, what
// was read is computed again.
void Model::Implementation::prepare(const Span& span) const {
  KvCache& cache = span.sequence->implementation().cache;
  const auto length = static_cast<int64_t>(cache.tokens.size() + span.tokens.size());
  const int64_t regime = rotary_regime_at(length);
  if (regime != cache.regime) cache.rewind(0);
  cache.regime = regime;
  const int64_t again = static_cast<int64_t>(cache.tokens.size()) - cache.length;
  if (again > 0 && log_)
    log_("computing " + std::to_string(again) + " tokens again: " +
         (cache.length == 0 && regime != 0 ? "the rotary embedding depends on the length of the whole text"
                                           : "the state after them cannot be turned back"));
}

void Model::Implementation::run_batch(const OnWanted& on_wanted) {
  for (const Piece& piece : pieces_) piece.cache->reserve(piece.start, piece.start + piece.rows);
  wanted_rows_.clear();
  for (const Wanted& w : wanted_) wanted_rows_.push_back(w.row);
  forward_->run(pieces_, tokens_, wanted_rows_);
  for (const Piece& piece : pieces_) {
    piece.cache->length = piece.start + piece.rows;
    auto& known = piece.cache->tokens;
    for (int64_t i = static_cast<int64_t>(known.size()) - piece.start; i < piece.rows; i++)
      known.push_back(tokens_[static_cast<size_t>(piece.first_row + i)]);
  }
  if (!wanted_.empty()) on_wanted(wanted_);
}

void Model::Implementation::give_logits(std::span<const Wanted> wanted, const LogitsCallback& on_logits) {
  int64_t rows[Forward::max_logit_rows];
  for (size_t first = 0; first < wanted.size(); first += Forward::max_logit_rows) {
    const auto group = wanted.subspan(first, std::min<size_t>(Forward::max_logit_rows, wanted.size() - first));
    std::transform(group.begin(), group.end(), rows, [](const Wanted& w) { return w.row; });
    const float* logits = forward_->logits({rows, group.size()});
    for (size_t i = 0; i < group.size(); i++)
      on_logits(group[i].span, group[i].token,
                {logits + static_cast<int64_t>(i) * forward_->logits_stride(), static_cast<size_t>(spec_.vocabulary)});
  }
}

// Fills batches of at most Forward::max_rows rows with the spans' tokens, in order.
void Model::Implementation::step(std::span<const Span> spans, const OnWanted& on_wanted,
                                 const std::function<bool()>& stop) {
  check(spans);
  clear_batch();
  const auto flush = [&] {
    if (!tokens_.empty()) run_batch(on_wanted);
    clear_batch();
  };
  for (size_t s = 0; s < spans.size(); s++) {
    const Span& span = spans[s];
    prepare(span);
    KvCache& cache = span.sequence->implementation().cache;
    // Those that are computed again stand before the new ones.
    const auto known = static_cast<size_t>(cache.length);
    const size_t old = cache.tokens.size() - known, all = old + span.tokens.size();
    const auto length = cache.length + static_cast<int64_t>(all);
    for (size_t done = 0; done < all;) {
      const size_t count = std::min(all - done, static_cast<size_t>(Forward::max_rows) - tokens_.size());
      pieces_.push_back({.cache = &cache,
                         .first_row = static_cast<int64_t>(tokens_.size()),
                         .rows = static_cast<int64_t>(count),
                         .start = length - static_cast<int64_t>(all - done),
                         .length = length});
      for (size_t i = done; i < done + count; i++) {
        const bool last = i + 1 == all, fresh = i >= old;
        if (fresh && (span.logits == Span::Logits::All || (span.logits == Span::Logits::Last && last)))
          wanted_.push_back({static_cast<int64_t>(tokens_.size()), s, i - old});
        tokens_.push_back(fresh ? span.tokens[i - old] : cache.tokens[known + i]);
      }
      done += count;
      if (tokens_.size() < static_cast<size_t>(Forward::max_rows)) continue;
      flush();
      if (stop && stop()) return;
    }
  }
  flush();
}

Model::Model(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Model Model::load(const std::filesystem::path& path, const LoadOptions& options) {
  return Model(std::make_unique<Implementation>(path, options));
}

const std::string& Model::architecture() const { return implementation_->spec_.architecture; }
int64_t Model::vocabulary_size() const { return implementation_->spec_.vocabulary; }
int64_t Model::hidden_size() const { return implementation_->spec_.hidden; }
int64_t Model::layers() const { return static_cast<int64_t>(implementation_->spec_.layers.size()); }
int64_t Model::context_length() const { return implementation_->spec_.context; }
bool Model::context_is_hard() const { return implementation_->spec_.positions.has_value(); }
const std::string& Model::rounded_weights() const { return implementation_->weights_.rounded; }
int64_t Model::weights_bytes() const { return static_cast<int64_t>(implementation_->weights_.arena.size()); }
int64_t Model::kv_bytes_per_token() const { return implementation_->forward_->kv_layout().bytes_per_token(); }
int Model::threads() const { return implementation_->pool_.size(); }
std::string_view Model::isa() const { return implementation_->table_.name; }

void Model::step(std::span<const Span> spans, const LogitsCallback& on_logits, const std::function<bool()>& stop) {
  Implementation& m = *implementation_;
  m.step(
      spans, [&m, &on_logits](std::span<const Implementation::Wanted> wanted) { m.give_logits(wanted, on_logits); },
      stop);
}

int64_t Model::draft_room(const Sequence& sequence, int64_t wanted) const {
  const Implementation& m = *implementation_;
  const int64_t next = sequence.length() + 1;
  const bool takes_back = m.forward_->kv_layout().state_size() == 0;
  return takes_back && m.rotary_regime_at(next) == m.rotary_regime_at(next + wanted) ? wanted : 0;
}

void Model::share_out(int64_t count, const std::function<void(int64_t index)>& work) {
  ThreadPool& pool = implementation_->pool_;
  if (count <= 1 || pool.size() == 1) {
    for (int64_t i = 0; i < count; i++) work(i);
    return;
  }
  const auto job = [&](int thread) { pool.share_out(count, thread, work); };
  pool.run(std::ref(job));
}

std::span<const float> Model::next_logits(Sequence& sequence, std::span<const TokenId> tokens) {
  if (tokens.empty())
    throw Error({.what = "there is no token to read", .expected = "at least one token", .found = "none"});
  std::span<const float> result;
  const Span span{.sequence = &sequence, .tokens = tokens, .logits = Span::Logits::Last};
  step({&span, 1}, [&](size_t, size_t, std::span<const float> logits) { result = logits; });
  return result;
}

Sequence::Sequence(const Model& model, int64_t capacity) {
  const Model::Implementation& m = model.implementation();
  if (capacity <= 0) capacity = m.spec_.context;
  if (m.spec_.positions) capacity = std::min(capacity, m.spec_.positions->count);
  implementation_ = std::make_unique<Implementation>(m.forward_->kv_layout(), capacity);
}
Sequence::Sequence(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Sequence::Sequence(Sequence&&) noexcept = default;
Sequence& Sequence::operator=(Sequence&&) noexcept = default;
Sequence::~Sequence() = default;

int64_t Sequence::length() const { return static_cast<int64_t>(implementation_->cache.tokens.size()); }
std::span<const TokenId> Sequence::tokens() const { return implementation_->cache.tokens; }
int64_t Sequence::capacity() const { return implementation_->cache.capacity(); }
void Sequence::truncate(int64_t length) {
  KvCache& cache = implementation_->cache;
  if (length >= this->length()) return;
  cache.tokens.resize(static_cast<size_t>(std::max<int64_t>(length, 0)));
  cache.rewind(static_cast<int64_t>(cache.tokens.size()));
}

Sequence Sequence::fork(int64_t length) const {
  const KvCache& cache = implementation_->cache;
  auto copy = std::make_unique<Implementation>(cache.layout(), cache.capacity());
  copy->cache.copy_beginning(cache, std::clamp<int64_t>(length, 0, this->length()));
  return Sequence(std::move(copy));
}

}  // namespace foretell
