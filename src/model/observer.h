// Watches the forward pass: the inputs of its products, where they are made.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "arch/roles.h"

namespace foretell {

enum class Point : uint8_t {
  Embedded,          // the embeddings, where something is projected from them
  MixerInput,        // of queries, keys and values, or what else the mixer projects
  QueryLatent,       // of what is expanded from short vectors
  KeyValueLatent,    //
  Mixed,             // what the mixer gathered, before its output projection
  MlpInput,          // of the MLP, of a router and of shared experts
  Expanded,          // before the down projection
  ExpertInput,       // of one expert: its own tokens only
  ExpertExpanded,    //
  LayerEnd,          // the stream after a layer, where something is projected from it
  LayerOwn,          // what a layer mixes in of its own input
  UnembeddingInput,  // of the rows that want logits, as the unembedding reads them
  ProjectedOut,      // the same before they are made narrower
};

// Which of a model's inputs.
struct Site {
  Point point = Point::MixerInput;
  int64_t layer = -1, expert = -1;  // -1: of none
  friend auto operator<=>(const Site&, const Site&) = default;
};

// The point whose rows a matrix of this role reads; nothing for those that read none.
std::optional<Point> input_of(Role role);

class Observer {
 public:
  virtual ~Observer() = default;
  // Some rows of a batch, in its order, `stride` floats apart; valid during the call. Called on one thread at a time
  // while the others compute or wait; must not throw.
  virtual void see(const Site& site, const float* rows, int64_t stride, int64_t count, int64_t cols) = 0;
};

// Follows the residual stream from layer to layer, and may change it on its way (src/trace). All that a block adds then
// goes through a buffer of its own first, so the sums of several experts are taken in another order than without.
class StreamObserver {
 public:
  enum class Block : uint8_t { Mixer, Mlp, LayerInput };  // what adds to the stream
  enum class Place : uint8_t {
    Unnormed,  // what a block adds, before its own norm; only where it has one
    Added,     // what it adds
    Summed,    // the stream after it, before the norm of the sum where there is one
  };
  virtual ~StreamObserver() = default;
  // The rows of a batch in its order, `stride` floats apart, to be read or changed; on one thread while others wait.
  virtual void block(Block block, Place place, int64_t layer, float* rows, int64_t stride, int64_t count) = 0;
  // The stream after a layer, or (-1) as the embeddings make it.
  virtual void layer_end(int64_t layer, float* rows, int64_t stride, int64_t count) = 0;
  // What the mixer gathered, head by head, before its output projection.
  virtual void mixed(int64_t layer, float* rows, int64_t stride, int64_t count) = 0;
  // How the head of a row shares out its attention: to the keys [0, count) of its sequence. On all threads at once, for
  // different rows and heads.
  virtual void attention(int64_t layer, int64_t head, int64_t row, const float* weights, int64_t count) = 0;
};

}  // namespace foretell
