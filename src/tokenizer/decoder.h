// tokenizer.json's "decoder": names of tokens to text, as they come.
//
// A decoder is a row of steps. Each takes tokens from the one before it and gives tokens to the next; a token may come
// in several parts, so that one that runs to the end of the text (behind Fuse or ByteLevel) streams too.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/json_node.h"

namespace foretell::tokenization {

class DecoderStream {
 public:
  virtual ~DecoderStream() = default;
  virtual void begin() = 0;  // a token begins
  virtual void text(std::string_view part) = 0;
  virtual void end() = 0;     // the token ends
  virtual void finish() = 0;  // there are no more tokens
};

class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  // What works on one text; `next` outlives it.
  virtual std::unique_ptr<DecoderStream> start(DecoderStream& next) const = 0;
  // The bytes that a token stands for in the middle of a text. `bytes` need not be UTF-8.
  virtual std::string middle(std::string bytes) const = 0;
  // Whether it makes one token of all.
  virtual bool joins() const { return false; }
  // Whether it does the same wherever in a text a token stands.
  virtual bool replaces() const { return false; }
  // How many times longer a token can become.
  virtual double growth() const { return 1; }
};

class Decoder {
 public:
  // Without steps, names are put together with blanks between them.
  Decoder() = default;
  // Throws Error at an unknown type.
  explicit Decoder(const JsonNode& node);

  // One text being decoded. The decoder must outlive it.
  class Session {
   public:
    explicit Session(const Decoder& decoder);
    ~Session();
    void push(std::string_view name);
    void finish();
    void take(std::string& text);  // appends what is ready

   private:
    class Output;
    std::unique_ptr<Output> output_;
    std::vector<std::unique_ptr<DecoderStream>> streams_;  // the last one first
    DecoderStream* first_;
  };

  std::string middle(std::string_view name) const;

 private:
  void append(const JsonNode& node);

  bool blanks_ = true;
  std::vector<std::unique_ptr<DecoderStep>> steps_;
};

}  // namespace foretell::tokenization
