// Writes down what passes in a run, silences parts, and puts other vectors into the stream.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "arch/spec.h"
#include "foretell/trace.h"
#include "model/observer.h"

namespace foretell {

// The heads of a layer's mixer, side by side in what it gathers.
struct MixerHeads {
  int64_t count = 0, dims = 0;
};
MixerHeads mixer_heads(const ModelSpec& spec, const LayerSpec& layer);

class Recorder : public StreamObserver {
 public:
  explicit Recorder(const ModelSpec& spec) : spec_(spec) {}

  // What the next batches do; all of it is the caller's and must stay.
  Trace* trace = nullptr;                    // is filled, where there is one
  int64_t start = 0;                         // the position of the batch's first row
  std::span<const Ablation> ablations = {};  //
  const Trace* means = nullptr;              // an ablation puts these in, not zeros
  std::function<void(int64_t layer, float* rows, int64_t stride, int64_t count)> change = {};  // after each layer

  // Before the first batch: makes room for `tokens`, which all belong to one sequence.
  void begin(std::span<const TokenId> tokens, std::span<const int64_t> positions);

  void block(Block block, Place place, int64_t layer, float* rows, int64_t stride, int64_t count) override;
  void layer_end(int64_t layer, float* rows, int64_t stride, int64_t count) override;
  void mixed(int64_t layer, float* rows, int64_t stride, int64_t count) override;
  void attention(int64_t layer, int64_t head, int64_t row, const float* weights, int64_t count) override;

 private:
  bool silenced(Block block, int64_t layer) const;
  void record_added(Block block, LayerTrace& layer, const float* rows, int64_t stride, int64_t count) const;
  void keep_last(std::vector<float>& to, const float* rows, int64_t stride, int64_t count, int64_t cols) const;

  const ModelSpec& spec_;
  std::vector<int64_t> slot_;  // [tokens]: the place among the kept positions; -1: none
};

}  // namespace foretell
