// What stands behind Model and Sequence.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "foretell/model.h"
#include "model/forward.h"

namespace foretell {

class Model::Implementation {
 public:
  Implementation(const std::filesystem::path& path, const LoadOptions& options);

  // A token that wants its logits, and its row in the batch in hand.
  struct Wanted {
    int64_t row;
    size_t span, token;
  };
  // Model::step, but for what is done with such tokens: it is called for those of each batch, whose rows forward_ holds
  // then.
  using OnWanted = std::function<void(std::span<const Wanted> wanted)>;
  void step(std::span<const Span> spans, const OnWanted& on_wanted, const std::function<bool()>& stop);
  // Within OnWanted: the rows' logits, in groups.
  void give_logits(std::span<const Wanted> wanted, const LogitsCallback& on_logits);

  int64_t rotary_regime_at(int64_t length) const;  // of a text of so many tokens

  // Of what its answers depend on: the weights and the config. Reads all of them.
  uint64_t fingerprint();

  const kernels::Table& table_;
  const Precision precision_;
  ThreadPool pool_;
  ModelSpec spec_;
  Weights weights_;
  std::unique_ptr<Forward> forward_;

 private:
  void check(std::span<const Span> spans) const;
  void prepare(const Span& span) const;
  void run_batch(const OnWanted& on_wanted);
  void clear_batch() { pieces_.clear(), tokens_.clear(), wanted_.clear(); }

  // The batch in hand; its memory is used again.
  std::vector<Piece> pieces_;
  std::vector<TokenId> tokens_;
  std::vector<Wanted> wanted_;
  std::vector<int64_t> wanted_rows_;
  std::function<void(const std::string&)> log_;
  uint64_t fingerprint_ = 0;  // not known yet
};

class Sequence::Implementation {
 public:
  static constexpr int64_t most_reserved = 1 << 16;  // tokens: a context may be any number
  Implementation(const KvLayout& layout, int64_t capacity) : cache(layout, capacity) {
    cache.tokens.reserve(static_cast<size_t>(std::min(capacity, most_reserved)));
  }
  KvCache cache;
};

}  // namespace foretell
