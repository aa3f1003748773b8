// `foretell tokenize` and `foretell detokenize`: a text as the model sees it, and back.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/model_source.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/token_text.h"
#include "foretell/generate.h"

namespace foretell::cli {
namespace {

struct TokenizeOptions {
  PromptOptions prompt;
  bool offsets = false;
};

struct ShownToken {
  TokenSpan span;
  std::string text;  // as it can be shown
};

void print_json(Context& context, const Tokenizer& tokenizer, const std::vector<TokenSpan>& spans) {
  nlohmann::ordered_json ids = nlohmann::ordered_json::array(), tokens = nlohmann::ordered_json::array();
  for (const TokenSpan& span : spans) {
    ids.push_back(span.id);
    nlohmann::ordered_json& token = tokens.emplace_back(nlohmann::ordered_json{{"id", span.id}});
    add_token(token, &tokenizer, span.id, "text");
    token["start"] = span.start;
    token["end"] = span.end;
  }
  context.print_json({{"ids", ids}, {"tokens", tokens}});
}

// Two colours in turn, so that blanks at the ends of a token can be seen.
std::string piece_style(size_t i) { return i % 2 == 0 ? "30;46" : "30;43"; }

// A token above its id, as many in a row as the terminal is wide.
void print_pieces(Context& context, const std::vector<ShownToken>& tokens) {
  const Terminal& terminal = context.out_terminal;
  std::string above, below;
  int used = 0;
  const auto end_row = [&] {
    if (used > 0) context.out.write(above + "\n" + below + "\n");
    above.clear(), below.clear();
    used = 0;
  };
  for (size_t i = 0; i < tokens.size(); i++) {
    const std::string id = std::to_string(tokens[i].span.id);
    const int text_width = display_width(tokens[i].text), id_width = static_cast<int>(id.size());
    const int width = std::max(text_width, id_width) + 1;
    if (used > 0 && used + width > terminal.width) end_row();
    above += styled(terminal.color, piece_style(i), tokens[i].text) + blanks(width - text_width);
    below += styled(terminal.color, "2", id) + blanks(width - id_width);
    used += width;
  }
  end_row();
}

void print_lines(Context& context, const std::vector<ShownToken>& tokens, bool offsets) {
  for (size_t i = 0; i < tokens.size(); i++) {
    const TokenSpan& span = tokens[i].span;
    std::string line = std::to_string(span.id) + "\t";
    if (offsets) line += std::to_string(span.start) + "\t" + std::to_string(span.end) + "\t";
    line += context.out_terminal.color ? styled(true, piece_style(i), tokens[i].text) : "\"" + tokens[i].text + "\"";
    context.out.write(line + "\n");
  }
}

void tokenize(Context& context, const TokenizeOptions& options) {
  const Prompt prompt = read_prompt(options.prompt);
  const Tokenizer tokenizer = load_tokenizer(find_model(context.options.model));
  const std::vector<TokenSpan> spans = encode_prompt(tokenizer, prompt.text, !options.prompt.no_special);
  if (context.options.json) return print_json(context, tokenizer, spans);
  std::vector<ShownToken> tokens;
  for (const TokenSpan& span : spans) tokens.push_back({span, visible(tokenizer.token_bytes(span.id))});
  if (!context.out_terminal.interactive || options.offsets) return print_lines(context, tokens, options.offsets);
  print_pieces(context, tokens);
  const std::string summary =
      thousands(std::ssize(tokens)) + " tokens, " + thousands(std::ssize(prompt.text)) + " bytes";
  context.out.write(styled(context.out_terminal.color, "2", summary) + "\n");
}

struct DetokenizeOptions {
  std::optional<std::vector<TokenId>> ids;
  bool no_special = false;
};

void detokenize(Context& context, const DetokenizeOptions& options) {
  std::vector<TokenId> ids;
  if (options.ids) {
    ids = *options.ids;
  } else if (const auto input = read_piped_input(); input && !input->empty()) {
    ids = parse_ids(*input, "standard input");
  } else {
    throw UsageError({.what = "no ids were given", .expected = "--ids 1,2,3, or ids on standard input"});
  }
  const Tokenizer tokenizer = load_tokenizer(find_model(context.options.model));
  check_ids(ids, tokenizer.vocabulary_size());
  const std::string text = tokenizer.decode(ids, options.no_special);
  if (context.options.json) return context.print_json({{"text", text}});
  context.out.write(text);
  // A terminal's next line begins at its beginning; elsewhere every byte counts.
  if (context.out_terminal.interactive && !text.ends_with('\n')) context.out.write("\n");
}

}  // namespace

void add_tokenize_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App& command =
      add_command(app, context, "tokenize", "Show the tokens of a text and their ids",
                  {"foretell tokenize -p \"Hello, world\"", "foretell tokenize --json -f book.txt -m path/to/model"},
                  [&context, options] { tokenize(context, *options); });
  add_prompt_options(command, options->prompt, {.ids = false});
  add_model_option(command, context);
  add_switch(command, "--offsets", options->offsets, "Show where in the text each token begins and ends, in bytes")
      ->group("Output");
  add_output_options(command, context);
}

void add_detokenize_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<DetokenizeOptions>();
  CLI::App& command = add_command(app, context, "detokenize", "Turn token ids back into text",
                                  {"foretell detokenize --ids 504,3575,282", "echo 504 3575 | foretell detokenize"},
                                  [&context, options] { detokenize(context, *options); });
  add_value(
      command, "--ids", "ID,ID",
      [options](const std::string& value, const std::string& name) { options->ids = parse_ids(value, name); },
      "The ids; without them, those on standard input")
      ->group("Input");
  add_switch(command, "--no-special", options->no_special, "Leave special tokens out of the text")->group("Input");
  add_model_option(command, context);
  add_output_options(command, context);
}

}  // namespace foretell::cli
