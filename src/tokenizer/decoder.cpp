#include "tokenizer/decoder.h"

#include "tokenizer/decoder_steps.h"
#include "tokenizer/regex.h"

namespace foretell::tokenization {

// Puts the tokens together.
class Decoder::Session::Output : public DecoderStream {
 public:
  explicit Output(bool blanks) : blanks_(blanks) {}
  void begin() override {
    if (blanks_ && !first_) text_ += ' ';
    first_ = false;
  }
  void text(std::string_view part) override { text_ += part; }
  void end() override {}
  void finish() override {}
  void take(std::string& text) {
    text += text_;
    text_.clear();  // its memory is used again
  }

 private:
  bool blanks_;
  bool first_ = true;
  std::string text_;
};

Decoder::Session::Session(const Decoder& decoder) : output_(std::make_unique<Output>(decoder.blanks_)) {
  first_ = output_.get();
  for (auto step = decoder.steps_.rbegin(); step != decoder.steps_.rend(); ++step) {
    streams_.push_back((*step)->start(*first_));
    first_ = streams_.back().get();
  }
}

Decoder::Session::~Session() = default;

void Decoder::Session::push(std::string_view name) {
  first_->begin();
  first_->text(name);
  first_->end();
}

void Decoder::Session::finish() { first_->finish(); }
void Decoder::Session::take(std::string& text) { output_->take(text); }

Decoder::Decoder(const JsonNode& node) : blanks_(false) {
  append(node);
  double growth = 1;
  for (const auto& step : steps_) growth *= step->growth();
  check_growth(growth, node);
}

void Decoder::append(const JsonNode& node) {
  if (node.get("type").string() != "Sequence") return steps_.push_back(make_decoder_step(node));
  for (const JsonNode& item : node.get("decoders").items()) append(item);
}

std::string Decoder::middle(std::string_view name) const {
  std::string bytes(name);
  for (const auto& step : steps_) {
    bytes = step->middle(std::move(bytes));
    if (step->joins()) {
      // What comes behind works on the text's ends, but for replacements.
      for (size_t i = static_cast<size_t>(&step - steps_.data()) + 1; i < steps_.size(); ++i) {
        if (steps_[i]->replaces()) bytes = steps_[i]->middle(std::move(bytes));
      }
      break;
    }
  }
  return bytes;
}

}  // namespace foretell::tokenization
