// tokenizer.json's "pre_tokenizer": cuts the text into the pieces that the model reads one by one.
#pragma once

#include <memory>
#include <optional>

#include "tokenizer/json_node.h"
#include "tokenizer/text.h"

namespace foretell::tokenization {

struct SplitPart {
  size_t begin = 0, end = 0;
  // Nothing is returned, and not all pieces were given, where what lies between two matches goes beyond `end`: so that
  // no text is read by more than one.
  bool gives_up = false;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Calls `next` with the pieces of `piece`, none of them empty. Where a step writes text of its own, it keeps origins
  // if `with_origins`.
  virtual void split(const Piece& piece, bool with_origins, PieceSink next) const = 0;
  // Whether it looks at where pieces lie in the input: then origins must be kept from the first step on.
  virtual bool needs_origins() const { return false; }
  // How many times longer the text can become.
  virtual double growth() const { return 1; }

  // Whether split_part is there for this piece: after a match, what comes next depends on nothing before it.
  virtual bool has_parts(const Piece&) const { return false; }
  // The pieces from part.begin on, as if a match ended there, until a match ends at part.end or behind it, or the text
  // ends; returns where. Calls `on_match` with the end of each match, behind its pieces.
  virtual std::optional<size_t> split_part(const Piece&, const SplitPart&, bool, PieceSink,
                                           FunctionRef<void(size_t)>) const {
    return {};
  }
};

// Where the last step is ByteLevel and the model can spell, pieces are given to it as the bytes that they are.
struct PreTokenizerPlan {
  std::unique_ptr<PreTokenizer> steps;  // null: the text stays whole
  bool byte_level = false;              // the model has to spell pieces in the byte alphabet
};
// Throws Error at an unknown type or option.
PreTokenizerPlan make_pre_tokenizer(const JsonNode& node, bool model_spells);

}  // namespace foretell::tokenization
