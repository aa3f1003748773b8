// DoLa: Chuang et al., "DoLa: Decoding by Contrasting Layers Improves Factuality in Large Language Models"
// (arXiv:2309.03883), as transformers 4.49's generate(dola_layers=). The stream before some earlier layers goes through
// the unembedding as it is, without the final norm. Of these layers that one counts whose distribution differs most
// from the last one's (Jensen-Shannon divergence, the first among equals), and the logits become log p - log q. Tokens
// that the last layer holds less than 0.1 times as probable as the best are out (-infinity).
#pragma once

#include <vector>

#include "foretell/generate.h"

namespace foretell {

// The layers that are contrasted with the last, of a model with so many; `tied`: the embedding is the unembedding, so
// that it would say nothing but the token itself. Listed ones that the model has not are left out, as transformers
// does; throws Error where none is left or one is negative.
std::vector<int64_t> premature_layers(const DolaLayers& wanted, int64_t layers, bool tied);

// What comes out for the logits of the last layer and for those of each earlier one, [vocabulary] each: into `out`.
// Gives the place of the earlier one that was taken. `share_out`: Model's.
using ShareOut = std::function<void(int64_t count, const std::function<void(int64_t index)>& work)>;
size_t contrast_layers(std::span<const float> last, std::span<const std::vector<float>> earlier, std::span<float> out,
                       const ShareOut& share_out);

class DolaPredictor : public Predictor {
 public:
  // The model and the sequence must outlive it. Throws Error as premature_layers().
  DolaPredictor(Model& model, Sequence& sequence, const DolaLayers& wanted);

  std::span<const int64_t> layers() const { return layers_; }
  int64_t length() const override { return sequence_.length(); }
  int64_t capacity() const override { return sequence_.capacity(); }
  void truncate(int64_t length) override { sequence_.truncate(length); }
  std::span<const float> read(std::span<const TokenId> tokens, const std::function<bool()>& stop) override;

 private:
  void unembed(int64_t row);

  Model& model_;
  Sequence& sequence_;
  const std::vector<int64_t> layers_;
  std::vector<float> last_, logits_;         // [vocabulary]
  std::vector<std::vector<float>> earlier_;  // [layers][vocabulary]
};

}  // namespace foretell
