// The gated delta rule's tensors in GGUF: queries, keys and values are one matrix, the gates another, what the decay is
// made of is computed already, and value heads may stand in another order.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "arch/family.h"
#include "arch/gguf_gather.h"

namespace foretell {

class GgufDelta {
 public:
  // The file's tensor NAME of this shape; throws Error where there is none. With an empty shape: null.
  using Need = std::function<const TensorView*(const std::string& name, const std::vector<int64_t>& shape)>;

  // `tiled`: the first value head of each key head, then the second of each.
  GgufDelta(const DeltaNet& delta, int64_t hidden, bool tiled, Need need)
      : delta_(delta), hidden_(hidden), tiled_(tiled), need_(std::move(need)) {}

  // The published tensor; `name` is GGUF's. Nothing for what is as published.
  std::optional<Gathered> take(const TensorSpec& tensor, const std::string& name) const;

 private:
  void add_values(std::vector<int64_t>& order, int64_t first, int64_t dim) const;
  Gathered numbers(const TensorSpec& tensor, const std::string& name, bool logarithms) const;
  Gathered rows(const std::vector<const TensorView*>& parts, const std::vector<int64_t>& order, const std::string& name,
                const std::vector<int64_t>& shape) const;
  std::optional<Gathered> by_key_heads(const TensorSpec& tensor, const std::string& name) const;

  const DeltaNet& delta_;
  int64_t hidden_;
  bool tiled_;
  Need need_;
};

}  // namespace foretell
