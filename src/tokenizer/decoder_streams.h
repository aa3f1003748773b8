// What several steps of decoders are made of.
#pragma once

#include "tokenizer/decoder.h"
#include "tokenizer/regex.h"

namespace foretell::tokenization {

std::string replace_all(std::string_view text, const Pattern& pattern, std::string_view content);

// A stream that looks at whole tokens.
class WholeTokens : public DecoderStream {
 public:
  explicit WholeTokens(DecoderStream& next) : next_(next) {}
  void begin() override { token_.clear(); }
  void text(std::string_view part) override { token_ += part; }
  void end() override { token(token_); }
  void finish() override {
    last();
    next_.finish();
  }

 protected:
  virtual void token(std::string& token) = 0;
  virtual void last() {}
  void give(std::string_view token) {
    next_.begin();
    next_.text(token);
    next_.end();
  }
  DecoderStream& next_;

 private:
  std::string token_;
};

}  // namespace foretell::tokenization
