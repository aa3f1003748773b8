#include "tokenizer/decoder_steps.h"

#include <charconv>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/decoder_streams.h"
#include "tokenizer/decoder_words.h"
#include "tokenizer/utf8.h"

namespace foretell::tokenization {
namespace {

// For a step that makes of each token another, whatever the others are.
class MapStream : public WholeTokens {
 public:
  MapStream(DecoderStream& next, const DecoderStep& step) : WholeTokens(next), step_(step) {}
  void token(std::string& token) override { give(step_.middle(std::move(token))); }

 private:
  const DecoderStep& step_;
};

// A stream that makes one token of all.
class JoinStream : public DecoderStream {
 public:
  explicit JoinStream(DecoderStream& next) : next_(next) {}
  void begin() override {
    if (!begun_) next_.begin();
    begun_ = true;
  }
  void text(std::string_view part) override { next_.text(part); }
  void end() override {}
  void finish() override {
    begin();
    next_.end();
    next_.finish();
  }

 private:
  bool begun_ = false;
  DecoderStream& next_;
};

class Fuse : public DecoderStep {
 public:
  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override {
    return std::make_unique<JoinStream>(next);
  }
  std::string middle(std::string bytes) const override { return bytes; }
  bool joins() const override { return true; }
};

class ByteLevel : public DecoderStep {
 public:
  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override { return std::make_unique<Stream>(next); }
  std::string middle(std::string bytes) const override {
    if (auto spelled = spell_bytes(bytes)) return *std::move(spelled);
    return bytes;
  }
  bool joins() const override { return true; }

 private:
  class Stream : public WholeTokens {
   public:
    explicit Stream(DecoderStream& next) : WholeTokens(joined_), joined_(next) {}
    void token(std::string& token) override {
      const auto spelled = spell_bytes(token);
      std::string text;
      assembler_.push(spelled ? *spelled : token, text);
      give(text);
    }
    void last() override {
      std::string text;
      assembler_.finish(text);
      give(text);
    }

   private:
    JoinStream joined_;
    Utf8Assembler assembler_;
  };
};

// Tokens such as <0xE2> are bytes. A row of them that is not UTF-8 is a U+FFFD for each.
class ByteFallback : public DecoderStep {
 public:
  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override { return std::make_unique<Stream>(next); }
  std::string middle(std::string bytes) const override {
    const int byte = byte_of(bytes);
    return byte < 0 ? bytes : std::string(1, static_cast<char>(byte));
  }

 private:
  static int byte_of(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return -1;
    const std::string_view digits = token.substr(3, 2);
    // A sign is read as the reference's parser reads it.
    const size_t sign = digits[0] == '+';
    int byte = -1;
    const auto [end, error] = std::from_chars(digits.data() + sign, digits.data() + 2, byte, 16);
    return error == std::errc() && end == digits.data() + 2 ? byte : -1;
  }

  class Stream : public WholeTokens {
   public:
    using WholeTokens::WholeTokens;
    void token(std::string& token) override {
      const int byte = byte_of(token);
      if (byte >= 0) {
        row_ += static_cast<char>(byte);
        return;
      }
      last();
      give(token);
    }
    void last() override {
      if (row_.empty()) return;
      if (is_utf8(row_)) {
        give(row_);
      } else {
        std::string replacement;
        append_utf8(replacement, replacement_character);
        for (size_t i = 0; i < row_.size(); ++i) give(replacement);
      }
      row_.clear();
    }

   private:
    std::string row_;
  };
};

// Takes up to `start` and `stop` characters `content` away from the token's ends.
class Strip : public DecoderStep {
 public:
  Strip(char32_t content, size_t start, size_t stop) : start_(start), stop_(stop) { append_utf8(content_, content); }

  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override {
    return std::make_unique<Stream>(next, *this);
  }
  std::string middle(std::string bytes) const override {
    std::string_view text = bytes;
    for (size_t i = 0; i < start_ && text.starts_with(content_); ++i) text.remove_prefix(content_.size());
    for (size_t i = 0; i < stop_ && text.ends_with(content_); ++i) text.remove_suffix(content_.size());
    return std::string(text);
  }

 private:
  class Stream : public DecoderStream {
   public:
    Stream(DecoderStream& next, const Strip& step) : next_(next), step_(step) {}
    void begin() override {
      left_ = step_.start_;
      held_.clear();
      next_.begin();
    }
    void text(std::string_view part) override {
      while (left_ > 0 && !part.empty()) {
        if (!part.starts_with(step_.content_)) {
          left_ = 0;
          break;
        }
        part.remove_prefix(step_.content_.size());
        --left_;
      }
      held_ += part;
      // What may be the end of the token waits.
      std::string_view ready = held_;
      for (size_t i = 0; i < step_.stop_ && ready.ends_with(step_.content_); ++i) {
        ready.remove_suffix(step_.content_.size());
      }
      next_.text(ready);
      held_.erase(0, ready.size());
    }
    void end() override { next_.end(); }
    void finish() override { next_.finish(); }

   private:
    DecoderStream& next_;
    const Strip& step_;
    size_t left_ = 0;
    std::string held_;
  };

  std::string content_;
  size_t start_, stop_;
};

class Replace : public DecoderStep {
 public:
  Replace(Pattern pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}

  std::unique_ptr<DecoderStream> start(DecoderStream& next) const override {
    if (pattern_.literal() && !pattern_.literal()->empty()) return std::make_unique<LiteralStream>(next, *this);
    return std::make_unique<MapStream>(next, *this);
  }
  std::string middle(std::string bytes) const override {
    return pattern_.literal() || is_utf8(bytes) ? replace_all(bytes, pattern_, content_) : bytes;
  }
  bool replaces() const override { return true; }
  double growth() const override { return pattern_.growth(content_); }

 private:
  // Gives on what cannot be the beginning of an occurrence any more.
  class LiteralStream : public DecoderStream {
   public:
    LiteralStream(DecoderStream& next, const Replace& step) : next_(next), step_(step) {}
    void begin() override {
      held_.clear();
      next_.begin();
    }
    void text(std::string_view part) override {
      const std::string& sought = *step_.pattern_.literal();
      held_ += part;
      std::string_view rest = held_;
      for (size_t at; (at = rest.find(sought)) != std::string_view::npos; rest.remove_prefix(at + sought.size())) {
        next_.text(rest.substr(0, at));
        next_.text(step_.content_);
      }
      size_t open = std::min(rest.size(), sought.size() - 1);
      while (!sought.starts_with(rest.substr(rest.size() - open))) --open;
      next_.text(rest.substr(0, rest.size() - open));
      held_ = std::string(rest.substr(rest.size() - open));
    }
    void end() override {
      next_.text(held_);
      next_.end();
    }
    void finish() override { next_.finish(); }

   private:
    DecoderStream& next_;
    const Replace& step_;
    std::string held_;
  };

  Pattern pattern_;
  std::string content_;
};

}  // namespace

std::string replace_all(std::string_view text, const Pattern& pattern, std::string_view content) {
  std::string out;
  pattern.visit(text, [&](size_t begin, size_t end, bool matches) {
    out += matches ? content : text.substr(begin, end - begin);
  });
  return out;
}

std::unique_ptr<DecoderStep> make_decoder_step(const JsonNode& node) {
  const JsonNode type = node.get("type");
  const std::string_view name = type.string();
  if (name == "ByteLevel") return std::make_unique<ByteLevel>();
  if (name == "ByteFallback") return std::make_unique<ByteFallback>();
  if (name == "Fuse") return std::make_unique<Fuse>();
  if (name == "Replace") {
    return std::make_unique<Replace>(read_pattern(node.get("pattern")), std::string(node.get("content").string()));
  }
  if (name == "Strip") {
    constexpr int64_t most = 1 << 20;
    return std::make_unique<Strip>(node.get("content").character(),
                                   static_cast<size_t>(node.get("start").integer(0, most)),
                                   static_cast<size_t>(node.get("stop").integer(0, most)));
  }
  if (auto step = make_word_decoder_step(node, name)) return step;
  type.fail("unknown decoder", {}, "\"" + std::string(name) + "\"");
}

}  // namespace foretell::tokenization
