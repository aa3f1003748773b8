// The four Unicode normalization forms (UAX 15), through utf8proc.
#pragma once

#include "tokenizer/normalizer.h"

namespace foretell::tokenization {

class UnicodeNormalizer : public Normalizer {
 public:
  enum class Form { Nfc, Nfd, Nfkc, Nfkd };
  explicit UnicodeNormalizer(Form form) : form_(form) {}

  Text normalize(const Piece& piece, bool with_origins) const override;
  double growth() const override { return 11; }  // U+FDFA has 33 bytes in NFKC

 private:
  Form form_;
};

}  // namespace foretell::tokenization
