// The keys and values of the tokens that a sequence has read, in blocks of kernels::chunk_keys tokens.
//
// A block holds, for each layer and each key-value head, four areas in the layouts that attention reads:
//   keys    float: [key columns of 64][key_dim][64]; int8: the same with pairs of dimensions together,
//   [..][key_dim/2][64][2] key scales    [256] floats, for int8 values  float: [256][value_dim rounded up to 16]; int8:
//   pairs of keys together, [128][value_dim rounded up][2] value scales  [256] floats, for int8
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

enum class KvFormat : uint8_t { Float32, Int8 };
// `quantized`: the weights of the layers' matrices are.
KvFormat kv_format(const ModelSpec& spec, bool quantized, Precision precision);

class KvLayout {
 public:
  KvLayout(const ModelSpec& spec, KvFormat format);

  struct Head {
    std::byte* keys = nullptr;
    float* key_scales = nullptr;
    std::byte* values = nullptr;
    float* value_scales = nullptr;
  };
  Head head(std::byte* block, size_t layer, int64_t head) const;

  KvFormat format() const { return format_; }
  int64_t block_bytes() const { return block_bytes_; }
  int64_t bytes_per_token() const { return bytes_per_token_; }  // what one token's keys and values take

  // Keeps a token's key and value, at `slot` of the block; they are mixed in place. `scratch` holds as many bytes as
  // the larger of the two has elements.
  void store(const kernels::Table& table, const Head& head, size_t layer, int64_t slot, float* key, float* value,
             int8_t* scratch) const;

  // Rows of vectors that are padded for the kernels.
  int64_t value_stride(size_t layer) const { return layers_[layer].value_stride; }
  int64_t key_stride(size_t layer) const { return layers_[layer].key_stride; }
  // 8-bit keys and values are kept mixed (kernels::Table::mix) in blocks of so many dimensions, and queries must be
  // too; 0: not.
  int64_t key_mix(size_t layer) const { return layers_[layer].key_mix; }
  int64_t value_mix(size_t layer) const { return layers_[layer].value_mix; }

 private:
  struct Layer {
    int64_t offset, head_bytes, key_dim, key_stride, value_dim, value_stride, key_bytes, value_bytes, scale_bytes,
        key_mix, value_mix;
  };
  KvFormat format_;
  std::vector<Layer> layers_;
  int64_t block_bytes_ = 0, bytes_per_token_ = 0;
};

// The blocks of one sequence.
class KvCache {
 public:
  KvCache(const KvLayout& layout, int64_t capacity);
  int64_t length = 0;  // tokens held
  int64_t capacity() const { return capacity_; }
  // Makes room for `tokens` tokens in all. Throws Error where memory runs out.
  void reserve(int64_t tokens);
  std::byte* block(int64_t index) const { return blocks_[static_cast<size_t>(index)]->data(); }

 private:
  const KvLayout* layout_;
  int64_t capacity_;
  std::vector<std::shared_ptr<AlignedBytes>> blocks_;
};

}  // namespace foretell
