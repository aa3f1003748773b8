#include "tokenizer/merge_table.h"

#include <bit>

namespace foretell::tokenization {

// Between three eighths and three quarters full.
MergeTable::MergeTable(size_t merges)
    : slots_(static_cast<int64_t>(std::bit_ceil(merges / 3 * 4 + 16))),
      mask_(static_cast<size_t>(slots_.size()) - 1),
      shift_(64 - std::countr_one(mask_)) {}

void MergeTable::add(TokenId left, TokenId right, Merge merge) {
  const uint64_t key = key_of(left, right);
  size_t at = slot_of(key);
  while (slot(at).key != empty && slot(at).key != key) at = (at + 1) & mask_;
  size_ += slot(at).key == empty;
  slot(at) = {key, merge};
}

}  // namespace foretell::tokenization
