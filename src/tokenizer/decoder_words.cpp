#include "tokenizer/decoder_words.h"

#include "tokenizer/decoder_streams.h"
#include "tokenizer/metaspace.h"

namespace foretell::tokenization {
namespace {

class Metaspace : public DecoderStep {
 public:
  explicit Metaspace(const MetaspaceOptions& options)
      : prepended_(options.prepend != MetaspaceOptions::Prepend::Never) {
    append_utf8(replacement_, options.replacement);
  }

  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override {
    return std::make_unique<Stream>(next, *this);
  }
  std::string middle(std::string bytes) const override { return write(bytes, " "); }

 private:
  // In the first token the replacement was put before the text, and goes.
  class Stream : public WholeTokens {
   public:
    Stream(DecoderStream& next, const Metaspace& step) : WholeTokens(next), step_(step) {}
    void token(std::string& token) override {
      give(step_.write(token, first_ && step_.prepended_ ? "" : " "));
      first_ = false;
    }

   private:
    const Metaspace& step_;
    bool first_ = true;
  };

  std::string write(std::string_view token, std::string_view blank) const {
    return replace_all(token, Pattern::string(replacement_), blank);
  }

  bool prepended_;
  std::string replacement_;
};

// SentencePiece put a blank before the text, which goes from its first token; or, where texts cannot begin with blanks,
// from each until there is text. Written by folder_sentencepiece.cpp alone.
class FirstBlank : public DecoderStep {
 public:
  explicit FirstBlank(const JsonNode& node) : repeats_(node.get("repeats").boolean()) {}

  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override {
    return std::make_unique<Stream>(next, repeats_);
  }
  std::string middle(std::string bytes) const override { return bytes; }

 private:
  class Stream : public WholeTokens {
   public:
    Stream(DecoderStream& next, bool repeats) : WholeTokens(next), repeats_(repeats) {}
    void token(std::string& token) override {
      constexpr std::string_view blank = "\u2581";
      const bool begins = at_beginning_ && token.starts_with(blank);
      if (begins) token.erase(0, blank.size());
      if (!token.empty() || (begins && !repeats_)) at_beginning_ = false;
      give(token);
    }

   private:
    bool repeats_;
    bool at_beginning_ = true;
  };

  bool repeats_;
};

// Takes blanks away that text does not have before signs and endings.
std::string clean_up(std::string text) {
  constexpr std::pair<const char*, const char*> changes[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  for (const auto& [from, to] : changes) {
    if (text.find(from) != std::string::npos) text = replace_all(text, Pattern::string(from), to);
  }
  return text;
}

class WordPiece : public DecoderStep {
 public:
  WordPiece(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override {
    return std::make_unique<Stream>(next, *this);
  }
  std::string middle(std::string bytes) const override { return write(std::move(bytes), false); }

 private:
  class Stream : public WholeTokens {
   public:
    Stream(DecoderStream& next, const WordPiece& step) : WholeTokens(next), step_(step) {}
    void token(std::string& token) override {
      give(step_.write(std::move(token), first_));
      first_ = false;
    }

   private:
    const WordPiece& step_;
    bool first_ = true;
  };

  std::string write(std::string token, bool first) const {
    if (!first) token = token.starts_with(prefix_) ? token.substr(prefix_.size()) : " " + token;
    return cleanup_ ? clean_up(std::move(token)) : token;
  }

  std::string prefix_;
  bool cleanup_;
};

// A word ends with the suffix; the last word of a text without a blank behind it.
class BpeSuffix : public DecoderStep {
 public:
  explicit BpeSuffix(std::string suffix) : suffix_(Pattern::string(suffix)) {}

  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override {
    return std::make_unique<Stream>(next, *this);
  }
  std::string middle(std::string bytes) const override { return replace_all(bytes, suffix_, " "); }
  double growth() const override { return suffix_.growth(" "); }

 private:
  class Stream : public WholeTokens {
   public:
    Stream(DecoderStream& next, const BpeSuffix& step) : WholeTokens(next), step_(step) {}
    void token(std::string& token) override {
      if (held_) give(step_.middle(*held_));
      held_ = token;
    }
    void last() override {
      if (held_) give(replace_all(*held_, step_.suffix_, ""));
    }

   private:
    const BpeSuffix& step_;
    std::optional<std::string> held_;
  };

  Pattern suffix_;
};

// Connectionist temporal classification (Graves et al. 2006): repetitions and padding go.
class Ctc : public DecoderStep {
 public:
  explicit Ctc(const JsonNode& node)
      : padding_(Pattern::string(node.get("pad_token").string())),
        delimiter_(Pattern::string(node.get("word_delimiter_token").string())),
        cleanup_(node.get("cleanup").boolean()) {}

  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override {
    return std::make_unique<Stream>(next, *this);
  }
  std::string middle(std::string bytes) const override {
    bytes = replace_all(bytes, padding_, "");
    return cleanup_ ? replace_all(clean_up(std::move(bytes)), delimiter_, " ") : bytes;
  }
  double growth() const override { return delimiter_.growth(" "); }

 private:
  class Stream : public WholeTokens {
   public:
    Stream(DecoderStream& next, const Ctc& step) : WholeTokens(next), step_(step) {}
    void token(std::string& token) override {
      if (last_ == token) return;
      last_ = token;
      const std::string text = step_.middle(token);
      if (!text.empty()) give(text);
    }

   private:
    const Ctc& step_;
    std::optional<std::string> last_;
  };

  Pattern padding_, delimiter_;
  bool cleanup_;
};

}  // namespace

std::unique_ptr<DecoderStep> make_word_decoder_step(const JsonNode& node, std::string_view name) {
  if (name == "Metaspace") return std::make_unique<Metaspace>(read_metaspace(node));
  if (name == "WordPiece") {
    return std::make_unique<WordPiece>(std::string(node.get("prefix").string()), node.get("cleanup").boolean());
  }
  if (name == "BPEDecoder") return std::make_unique<BpeSuffix>(std::string(node.get("suffix").string()));
  if (name == "SentencePieceBlank") return std::make_unique<FirstBlank>(node);
  if (name == "CTC") return std::make_unique<Ctc>(node);
  return nullptr;
}

}  // namespace foretell::tokenization
