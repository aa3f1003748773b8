// tokenizer.json's "normalizer": what is done to the text before it is cut.
#pragma once

#include <memory>

#include "tokenizer/json_node.h"
#include "tokenizer/text.h"

namespace foretell::tokenization {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // The normalized text of `piece`; it keeps origins where `with_origins`.
  virtual Text normalize(const Piece& piece, bool with_origins) const = 0;
  // How many times longer the text can become.
  virtual double growth() const = 0;
};

// Null where nothing is to be done. Throws Error at an unknown type.
std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node);

}  // namespace foretell::tokenization
