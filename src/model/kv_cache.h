// What a sequence keeps of the tokens that it has read: their keys and values, in blocks of kernels::chunk_keys tokens,
// and the state of layers that carry one along instead.
//
// A block holds, for each layer and each key-value head, four areas in the layouts and the order that attention reads:
//   keys          floats of 32 or 16 bits: [key columns of 64][key_dim][64]; int8, with 128 added: the same with four
//                 dimensions together, [..][key_dim/4 rounded up][64][4]
//   key scales    [256] floats, for int8
//   value scales  [256] floats, for int8
//   values        floats: [256][value_dim rounded up to 16]; int8: pairs of keys together,
//                 [128][value_dim rounded up][2]
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "arch/spec.h"
#include "base/aligned_buffer.h"
#include "foretell/model.h"
#include "kernels/table.h"

namespace foretell {

// How keys and values are kept: as asked for or, with KvCacheFormat::Auto, as goes with the weights (`quantized`: those
// of the layers' matrices are) and the precision. Throws Error where the model's cannot be kept in 8 bits.
KvCacheFormat kv_format(const ModelSpec& spec, bool quantized, Precision precision, KvCacheFormat asked);

constexpr int64_t kv_element_bytes(KvCacheFormat f) {
  return f == KvCacheFormat::Int8 ? 1 : f == KvCacheFormat::Float16 ? 2 : 4;
}

class KvLayout {
 public:
  KvLayout(const ModelSpec& spec, KvCacheFormat format);

  struct Head {
    std::byte* keys = nullptr;
    float* key_scales = nullptr;
    float* value_scales = nullptr;
    std::byte* values = nullptr;
  };
  Head head(std::byte* block, size_t layer, int64_t head) const;

  KvCacheFormat format() const { return format_; }
  int64_t element_bytes() const { return kv_element_bytes(format_); }
  int64_t block_bytes() const { return block_bytes_; }
  // Floats of the state of all layers and of those before `layer`; 0 where no layer has one.
  int64_t state_size() const { return state_size_; }
  int64_t state_offset(size_t layer) const { return layers_[layer].state_offset; }
  int64_t bytes_per_token() const { return bytes_per_token_; }  // what one token's keys and values take

  // Keeps a token's key and value, at `slot` of the block; they are mixed in place. `scratch` holds twice as many
  // bytes as the larger of the two has elements.
  void store(const kernels::Table& table, const Head& head, size_t layer, int64_t slot, float* key, float* value,
             int8_t* scratch) const;

  // Rows of vectors that are padded for the kernels.
  int64_t value_stride(size_t layer) const { return layers_[layer].value_stride; }
  int64_t key_stride(size_t layer) const { return layers_[layer].key_stride; }
  // Dimensions of a key with those that fill up the last that stand together.
  int64_t kept_key_dims(size_t layer) const { return layers_[layer].kept_key_dims; }
  // 8-bit keys and values are kept mixed (kernels::Table::mix) in blocks of so many dimensions, and queries must be
  // too; 0: not.
  int64_t key_mix(size_t layer) const { return layers_[layer].key_mix; }
  int64_t value_mix(size_t layer) const { return layers_[layer].value_mix; }

 private:
  struct Layer {
    int64_t offset, head_bytes, key_dim, kept_key_dims, key_stride, value_dim, value_stride, key_bytes, value_bytes,
        scale_bytes, key_mix, value_mix, state_offset;
  };
  KvCacheFormat format_;
  std::vector<Layer> layers_;
  int64_t block_bytes_ = 0, bytes_per_token_ = 0, state_size_ = 0;
};

// The floats that a layer with a state of its own needs; 0 for attention.
int64_t layer_state_size(const ModelSpec& spec, const LayerSpec& layer);

// The blocks and the state of one sequence.
class KvCache {
 public:
  KvCache(const KvLayout& layout, int64_t capacity);
  int64_t length = 0;           // tokens held
  int64_t regime = 0;           // of the rotary embedding that they were turned by (model/rotary.h)
  std::vector<TokenId> tokens;  // all that were read; more than `length` where some must be computed again
  int64_t capacity() const { return capacity_; }
  const KvLayout& layout() const { return *layout_; }
  // Makes room for tokens [first, end) to be written: blocks that others read, too, are copied. Throws Error where
  // memory runs out.
  void reserve(int64_t first, int64_t end);
  std::byte* block(int64_t index) const { return blocks_[static_cast<size_t>(index)].data; }
  // Becomes what `other`, of the same layout, was after its first `count` tokens. Blocks are shared until one of the
  // two writes into them. A state of an earlier time is not known any more: then the tokens are to be computed again.
  void copy_beginning(const KvCache& other, int64_t count);
  float* state(size_t layer) const { return state_.data() + layout_->state_offset(layer); }
  // Goes back to the first `tokens` tokens, or to none where a state cannot be turned back.
  void rewind(int64_t tokens);

 private:
  struct Block {
    std::shared_ptr<AlignedBytes> piece;  // that it was cut from
    std::byte* data = nullptr;
    std::shared_ptr<const void> readers;  // one for each cache that has the block
    bool shared() const { return readers.use_count() > 1; }
  };
  static Block cut(const std::shared_ptr<AlignedBytes>& piece, int64_t offset);

  const KvLayout* layout_;
  int64_t capacity_;
  std::vector<Block> blocks_;
  AlignedBuffer<float> state_;
};

}  // namespace foretell
