#include "tokenizer/merge_table.h"

#include <bit>

namespace foretell::tokenization {

MergeTable::MergeTable(size_t merges)
    : slots_(std::bit_ceil(merges * 2 + 16)), mask_(slots_.size() - 1), shift_(64 - std::countr_zero(slots_.size())) {}

void MergeTable::add(TokenId left, TokenId right, Merge merge) {
  const uint64_t key = key_of(left, right);
  size_t at = slot_of(key);
  while (slots_[at].key != empty && slots_[at].key != key) at = (at + 1) & mask_;
  size_ += slots_[at].key == empty;
  slots_[at] = {key, merge};
}

}  // namespace foretell::tokenization
