#include "tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "foretell/error.h"
#include "tokenizer/oniguruma.h"

namespace foretell::tokenization {
namespace {

// A match needs no more than some hundred bytes per character of what it backtracks over; a pattern that asks for more
// is refused rather than left to take the machine down.
constexpr size_t jit_stack_start = size_t{32} << 10;
constexpr size_t jit_stack_limit = size_t{64} << 20;
constexpr uint32_t heap_limit_kib = uint32_t{1} << 20;
constexpr uint32_t match_limit = 100'000'000;

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* pointer) const {
    free(pointer);
  }
};
template <typename T, auto free>
using Handle = std::unique_ptr<T, Free<free>>;

// What a search writes to: one for each thread, used by all expressions.
struct Workspace {
  Handle<pcre2_match_data, pcre2_match_data_free> data{pcre2_match_data_create(1, nullptr)};
  Handle<pcre2_jit_stack, pcre2_jit_stack_free> stack{
      pcre2_jit_stack_create(jit_stack_start, jit_stack_limit, nullptr)};
  Handle<pcre2_match_context, pcre2_match_context_free> context{pcre2_match_context_create(nullptr)};

  Workspace() {
    if (!data || !context) throw std::bad_alloc();
    pcre2_set_match_limit(context.get(), match_limit);
    pcre2_set_heap_limit(context.get(), heap_limit_kib);
    if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
};

Workspace& workspace() {
  thread_local Workspace workspace;
  return workspace;
}

std::string message_of(int code) {
  PCRE2_UCHAR8 buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

struct Regex::Code {
  Handle<pcre2_code, pcre2_code_free> code;
  bool jit = false;
};

Regex::Regex(std::string_view pattern) : code_(std::make_unique<Code>()) {
  const std::string translated = translate_oniguruma(pattern);
  const Handle<pcre2_compile_context, pcre2_compile_context_free> context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  size_t offset = 0;
  code_->code.reset(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
                    &offset, context.get()));
  if (!code_->code) {
    throw Error({.what = "the regular expression is not valid: " + message_of(error), .found = std::string(pattern)});
  }
  code_->jit = pcre2_jit_compile(code_->code.get(), PCRE2_JIT_COMPLETE) == 0;
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::optional<Match> Regex::find(std::string_view text, size_t from) const {
  Workspace& work = workspace();
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int result = PCRE2_ERROR_JIT_STACKLIMIT;
  if (code_->jit) {
    result = pcre2_jit_match(code_->code.get(), subject, text.size(), from, 0, work.data.get(), work.context.get());
  }
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter takes its memory from the heap
    result = pcre2_match(code_->code.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                         work.data.get(), work.context.get());
  }
  if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (result < 0) {
    throw Error({.what = "a regular expression of the tokenizer gave up on the text: " + message_of(result)});
  }
  const size_t* range = pcre2_get_ovector_pointer(work.data.get());
  return Match{range[0], range[1]};
}

std::optional<Match> Pattern::find(std::string_view text, size_t from) const {
  if (regex_) return regex_->find(text, from);
  const size_t at = text.find(literal_, from);
  if (at == std::string_view::npos) return std::nullopt;
  return Match{at, at + literal_.size()};
}

template <class OnRange>
void Pattern::walk(std::string_view text, size_t begin, std::optional<size_t> last_end, OnRange&& on_range) const {
  size_t done = begin;
  for (size_t from = begin; from <= text.size();) {
    const auto match = find(text, from);
    if (!match) break;
    if (match->begin == match->end && last_end == match->end) {
      from += from < text.size() ? character_length(text[from]) : 1;
      continue;
    }
    if (done != match->begin && !on_range(done, match->begin, false)) return;
    if (!on_range(match->begin, match->end, true)) return;
    done = from = match->end;
    last_end = match->end;
  }
  if (done != text.size()) on_range(done, text.size(), false);
}

void Pattern::visit(std::string_view text, Visit visit) const {
  if (text.empty()) return visit(0, 0, false);
  walk(text, 0, std::nullopt, [&](size_t begin, size_t end, bool matches) {
    visit(begin, end, matches);
    return true;
  });
}

void Pattern::visit_from(std::string_view text, size_t begin, VisitOn visit) const { walk(text, begin, begin, visit); }

double Pattern::growth(std::string_view content) const {
  const auto size = static_cast<double>(content.size());
  // A match of an empty string leaves the text beside the content.
  return literal_.empty() ? size + 1 : std::max(1.0, size / static_cast<double>(literal_.size()));
}

void check_growth(double growth, const JsonNode& node) {
  constexpr double most = 1 << 20;
  if (growth > most) node.fail("the steps can make a text more than a million times longer");
}

Pattern read_pattern(const JsonNode& node) {
  if (const auto text = node.find("String")) return Pattern::string(text->string());
  const JsonNode regex = node.get("Regex");
  try {
    return Pattern::regex(regex.string());
  } catch (const Error& error) {
    throw error.with({.file = regex.file().string(), .where = regex.place()});
  }
}

}  // namespace foretell::tokenization
