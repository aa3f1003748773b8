#include "foretell/batch.h"

#include <algorithm>
#include <exception>
#include <string>

#include "base/clock.h"
#include "generate/check_prompt.h"
#include "generate/written_text.h"

namespace foretell {
namespace {

void check_ids(std::span<const TokenId> ids, int64_t vocabulary) {
  for (const TokenId id : ids) {
    if (id < 0 || id >= vocabulary)
      throw Error({.what = "a token id is outside of the model's vocabulary",
                   .expected = "0 to " + std::to_string(vocabulary - 1),
                   .found = std::to_string(id)});
  }
}

// How many tokens of `prompt` another text begins with; the last of the prompt does not count, since it is to be read.
int64_t common(std::span<const TokenId> prompt, std::span<const TokenId> other) {
  const size_t most = std::min(prompt.size() - 1, other.size());
  size_t count = 0;
  while (count < most && prompt[count] == other[count]) count++;
  return static_cast<int64_t>(count);
}

}  // namespace

// A text that is being written, and what the model has read of it.
struct Batch::Place {
  Place(size_t text, BatchText&& added, const Tokenizer* tokenizer, Sequence read, int64_t shared)
      : index(text),
        request(std::move(added)),
        sequence(std::move(read)),
        written(tokenizer, request.prompt, request.options, sequence.capacity(), request.on_text),
        known(shared) {}

  std::span<const TokenId> unread() const { return written.history().subspan(static_cast<size_t>(sequence.length())); }
  void fail(std::exception_ptr thrown) { failure = std::move(thrown); }

  const size_t index;
  BatchText request;
  Sequence sequence;
  WrittenText written;
  const int64_t known;  // tokens of the prompt that were shared
  GenerateTiming timing;
  Clock::time_point decoding{};   // since when
  std::span<const float> logits;  // after the last token
  std::exception_ptr failure;     // what drawing threw
  bool ended = false;
};

Batch::Batch(Model& model, const Tokenizer* tokenizer, const BatchOptions& options)
    : model_(model), tokenizer_(tokenizer), options_(options) {}
Batch::~Batch() = default;

size_t Batch::add(BatchText text) {
  waiting_.push_back({added_, std::move(text)});
  return added_++;
}

void Batch::run(const Done& done, const std::function<void()>& more) {
  while (!(options_.interrupted && options_.interrupted())) {
    fill_places(done, more);
    if (places_.empty()) return;
    read_ahead();
    if (options_.interrupted && options_.interrupted()) break;
    read_last();
    append(done);
    std::erase_if(places_, [](const auto& place) { return place->ended; });
  }
  for (const auto& place : places_) end(*place, FinishReason::Interrupted, done);
  places_.clear();
  waiting_.clear();
}

// Texts that can share their beginning with one that stands before them wait until that has been read.
void Batch::fill_places(const Done& done, const std::function<void()>& more) {
  while (places_.size() < std::max<size_t>(options_.at_once, 1)) {
    if (waiting_.empty() && more) more();
    if (waiting_.empty()) return;
    if (shares_what_is_unread(waiting_.front().text.prompt)) read_ahead();
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(std::move(next), done);
  }
}

bool Batch::shares_what_is_unread(std::span<const TokenId> prompt) const {
  constexpr int64_t worth_waiting = 32;  // tokens; fewer are read in one step with other prompts' as quickly
  if (prompt.empty()) return false;
  return std::any_of(places_.begin(), places_.end(), [&](const auto& place) {
    const int64_t shared = common(prompt, place->written.history());
    const bool whole = shared + 1 == static_cast<int64_t>(prompt.size());
    return (whole || shared >= worth_waiting) && shared > place->sequence.length();
  });
}

void Batch::begin(Waiting waiting, const Done& done) {
  try {
    Sequence sequence(model_, options_.capacity);
    check_prompt(sequence.capacity(), waiting.text.prompt);
    if (waiting.text.options.contrastive || waiting.text.options.dola)
      throw Error({.what = "contrastive search and DoLa are for one text at a time"});
    check_ids(waiting.text.prompt, model_.vocabulary_size());
    share_beginning_with(sequence, waiting.text.prompt);
    const int64_t shared = sequence.length();
    auto place =
        std::make_unique<Place>(waiting.index, std::move(waiting.text), tokenizer_, std::move(sequence), shared);
    tokens_shared_ += shared;
    if (const auto reason = place->written.begin()) return end(*place, *reason, done);
    places_.push_back(std::move(place));
  } catch (const Error& error) {
    done(waiting.index, {.generation = {}, .error = error});
  }
}

// What was read of the prompt already.
void Batch::share_beginning_with(Sequence& own, std::span<const TokenId> prompt) const {
  const Sequence* best = nullptr;
  int64_t most = 0;
  const auto consider = [&](const Sequence& sequence) {
    const int64_t length = common(prompt, sequence.tokens());
    // What cannot be turned back is of use only as it is.
    const bool takes_back = model_.draft_room(sequence, 1) > 0;
    if (length > most && (takes_back || length == sequence.length())) best = &sequence, most = length;
  };
  if (beginning_ != nullptr) consider(*beginning_);
  for (const auto& place : places_) consider(place->sequence);
  if (best != nullptr && best->capacity() == own.capacity()) own = best->fork(most);
}

// Reads all that is unread but the last token of each text: prompts, and what a constraint forced.
void Batch::read_ahead() {
  spans_.clear();
  reading_.clear();
  for (const auto& place : places_) {
    const std::span<const TokenId> unread = place->unread();
    if (unread.size() < 2) continue;
    spans_.push_back({&place->sequence, unread.first(unread.size() - 1), Span::Logits::None});
    reading_.push_back(place.get());
    tokens_read_ += static_cast<int64_t>(unread.size()) - 1;
  }
  if (spans_.empty()) return;
  const auto start = Clock::now();
  const auto stop = [this] {
    for (Place* place : reading_) {
      const auto done = static_cast<size_t>(place->sequence.length());
      if (const auto& told = place->request.options.on_prefill) told(done, place->written.history().size());
    }
    return (options_.interrupted && options_.interrupted()) ||
           std::all_of(reading_.begin(), reading_.end(), [](Place* p) { return p->written.stop().has_value(); });
  };
  model_.step(spans_, {}, stop);
  for (Place* place : reading_) {
    const size_t total = place->written.history().size();
    if (const auto& told = place->request.options.on_prefill) told(total, total);
    const bool prompt = place->decoding == Clock::time_point{};
    if (prompt) place->timing.prefill_s += seconds_since(start);
  }
}

// Reads the last token of every text together; where their logits are there, tokens are drawn.
void Batch::read_last() {
  spans_.clear();
  reading_.clear();
  drawing_.clear();
  for (const auto& place : places_) {
    const std::span<const TokenId> unread = place->unread();
    if (unread.size() > 1) continue;  // it ran out of time within its prompt
    spans_.push_back({&place->sequence, unread, Span::Logits::Last});
    reading_.push_back(place.get());
  }
  tokens_read_ += static_cast<int64_t>(spans_.size());
  const auto start = Clock::now();
  model_.step(spans_, [this](size_t span, size_t, std::span<const float> logits) {
    Place* const place = reading_[span];
    place->logits = logits;
    drawing_.push_back(place);
    if (drawing_.size() == Model::logits_kept || place == reading_.back()) draw();
  });
  for (Place* place : reading_) {
    if (place->decoding != Clock::time_point{}) continue;
    place->timing.prefill_s += seconds_since(start);
    place->timing.prefill_tokens = static_cast<int64_t>(place->written.prompt().size()) - place->known;
    place->decoding = Clock::now();
  }
}

// Draws on all threads; a constraint's texts may share what they find out, so they draw one after the other.
void Batch::draw() {
  const auto draw_one = [](Place& place) {
    try {
      place.written.draw(place.logits);
    } catch (...) {
      place.fail(std::current_exception());
    }
  };
  const auto free = std::partition(drawing_.begin(), drawing_.end(), [](Place* p) { return p->written.constrained(); });
  for (auto place = drawing_.begin(); place != free; place++) draw_one(**place);
  Place** const first = drawing_.data() + (free - drawing_.begin());
  const auto work = [&](int64_t i) { draw_one(*first[i]); };
  model_.share_out(drawing_.end() - free, std::ref(work));
  drawing_.clear();
}

void Batch::append(const Done& done) {
  for (const auto& place : places_) {
    std::optional<FinishReason> reason = place->written.stop();
    try {
      if (place->failure) std::rethrow_exception(place->failure);
      if (!reason && place->logits.empty()) continue;  // its prompt is not read yet
      place->logits = {};
      if (!reason) reason = place->written.append_drawn();
      if (!reason) reason = place->written.append_forced();
    } catch (const Error& error) {
      place->ended = true;
      done(place->index, {.generation = {}, .error = error});
      continue;
    }
    if (reason) end(*place, *reason, done);
  }
}

void Batch::end(Place& place, FinishReason reason, const Done& done) {
  place.ended = true;
  Generation result = place.written.finish(reason);
  place.timing.decode_tokens = result.timing.decode_tokens;
  if (place.decoding != Clock::time_point{}) place.timing.decode_s = seconds_since(place.decoding);
  result.timing = place.timing;
  done(place.index, {.generation = std::move(result), .error = {}});
}

}  // namespace foretell
