// What somebody gets who asks for nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "foretell/beam_search.h"
#include "foretell/generate.h"

namespace foretell {

// What a model's publisher recommends, from generation_config.json and config.json.
//   do_sample true      the values there; for those that are not, transformers': temperature 1, top_k 50, the rest off
//   do_sample false     greedy
//   neither             the values there, as above; and where there are none temperature 0.8, top-k 40, top-p 0.95,
//                       min-p 0.05 (llama.cpp's choice)
// Penalties and the like hold in each case.
struct GenerationDefaults {
  SamplingOptions sampling;                      // for somebody who asks for nothing
  SamplingOptions if_asked;                      // what holds beside the samplers that somebody asks for
  std::vector<TokenId> bos_ids;                  // what an empty prompt begins with: one token, or none is known
  std::optional<ContrastiveSearch> contrastive;  // for somebody who asks for no draw; the samplers hold without it
  std::optional<DolaLayers> dola;
  BeamOptions beams;               // for somebody who asks for a beam search: its penalties and when it ends
  bool token_healing = false;      // of prompts (healing.h)
  std::vector<std::string> notes;  // for a log: where the values come from, and the settings that are ignored
};

}  // namespace foretell
