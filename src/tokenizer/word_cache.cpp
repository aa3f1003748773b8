#include "tokenizer/word_cache.h"

namespace foretell::tokenization {

void WordCache::place(const Slot& slot, uint64_t hash) {
  size_t at = hash & (slots_.size() - 1);
  while (slots_[at].hash != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = slot;
}

void WordCache::insert(std::string_view word, uint64_t hash, std::span<const Symbol> symbols) {
  if (size_ == most_words) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    words_.clear();
    symbols_.clear();
    size_ = 0;
  }
  if ((size_ + 1) * 2 > slots_.size()) {
    const std::vector<Slot> old = std::move(slots_);
    slots_.assign(old.empty() ? 1024 : old.size() * 4, {});
    for (const Slot& slot : old) {
      if (slot.hash != 0) place(slot, hash_bytes(std::string_view(words_).substr(slot.word, slot.length)));
    }
  }
  place({tag(hash), static_cast<uint32_t>(words_.size()), static_cast<uint32_t>(symbols_.size()),
         static_cast<uint16_t>(word.size()), static_cast<uint16_t>(symbols.size())},
        hash);
  words_ += word;
  symbols_.insert(symbols_.end(), symbols.begin(), symbols.end());
  ++size_;
}

}  // namespace foretell::tokenization
