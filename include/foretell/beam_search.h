// Beam search: the texts with the best scores that a search finds which goes on with several beginnings at a time.
//
//   foretell::BeamOptions beams{.beams = 4};
//   for (const foretell::BeamText& text : foretell::beam_search(model, &tokenizer, sequence, prompt, options, beams))
//     std::cout << text.score << " " << text.generation.text << "\n";
//
// As in Hugging Face's transformers: in each step the best continuations of all beams together go on; those that end
// become results. A text's score is the sum of its tokens' log-probabilities divided by length ^ length_penalty, where
// the length counts its tokens with the end token. Groups of beams (Vijayakumar et al. 2016, arXiv:1610.02424) search
// by themselves, and each shuns the tokens that those before it have just taken. Threads: as Model's.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "foretell/generate.h"
#include "foretell/model.h"

namespace foretell {

// When a search ends that has as many results as beams.
enum class EarlyStopping {
  No,     // when the best beam's score, as it is, is no better than the worst result's
  Yes,    // at once
  Never,  // when no beam can become better than the worst result: with a length penalty above 0, were it as long as
          // it may become
};

struct BeamOptions {
  int64_t beams = 4;             // beginnings that go on at a time, at least 1; they are read in one step
  int64_t groups = 1;            // that the beams fall into, each as large
  double diversity_penalty = 0;  // off a token's log-probability for each beam of an earlier group that takes it, too
  int64_t num = 1;               // results to give, at most `beams`
  double length_penalty = 1;     // above 0 favours long texts, below 0 short ones
  EarlyStopping early_stopping = EarlyStopping::No;
  std::function<void(int64_t tokens)> on_step = {};  // called after each step: so many tokens are there
};

struct BeamText {
  Generation generation;  // its timing is that of the whole search
  double score = 0;
};

// The results, best first; fewer than `num` where the tokens that may come leave no more. Penalties, biases,
// min_tokens and the like of the options act on the log-probabilities; samplers that are about the draw (temperature,
// cuts, Mirostat) are left out, and so is speculation. Where max_tokens, max_seconds, the context or an interruption
// ends the search the beams become results as they are. `sequence` has read a beginning of the prompt or nothing, and
// in the end all of it. Throws Error as generate(), and for options out of their range, a constraint, a prompt's
// end that was taken back and logprobs, which a search does not know.
std::vector<BeamText> beam_search(Model& model, const Tokenizer* tokenizer, Sequence& sequence,
                                  std::span<const TokenId> prompt, const GenerateOptions& options,
                                  const BeamOptions& beams);

}  // namespace foretell
