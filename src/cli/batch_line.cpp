#include "cli/batch_line.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "cli/sampler_options.h"

namespace foretell::cli {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string& key, const std::string& expected, const Json& found) {
  throw Error({.what = "a value is not what it should be",
               .where = key,
               .expected = expected,
               .found = found.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80)});
}

std::string text_of(const std::string& key, const Json& value) {
  if (!value.is_string()) refuse(key, "a text", value);
  return value.get<std::string>();
}

bool switch_of(const std::string& key, const Json& value) {
  if (!value.is_boolean()) refuse(key, "true or false", value);
  return value.get<bool>();
}

template <class T>
T whole_of(const std::string& key, const Json& value) {
  const bool fits = value.is_number_unsigned() && value.get<uint64_t>() <= std::numeric_limits<T>::max();
  if (!fits) refuse(key, "a whole number from 0 to " + std::to_string(std::numeric_limits<T>::max()), value);
  return value.get<T>();
}

std::vector<TokenId> ids_of(const std::string& key, const Json& value, int64_t vocabulary) {
  std::vector<TokenId> ids;
  if (!value.is_array()) refuse(key, "a list of token ids", value);
  for (const Json& id : value) {
    ids.push_back(whole_of<TokenId>(key, id));
    if (ids.back() >= vocabulary) refuse(key, "ids from 0 to " + std::to_string(vocabulary - 1), id);
  }
  return ids;
}

std::vector<std::string> texts_of(const std::string& key, const Json& value) {
  if (value.is_string()) return {value.get<std::string>()};
  std::vector<std::string> texts;
  if (!value.is_array()) refuse(key, "a text or a list of texts", value);
  for (const Json& text : value) texts.push_back(text_of(key, text));
  return texts;
}

Json objects_of(const std::string& key, const Json& value) {
  const bool fits =
      value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& item) { return item.is_object(); });
  if (!fits) refuse(key, "a list of objects", value);
  return value;
}

// What a line goes on from, of which it has one.
struct LineText {
  std::optional<std::string> prompt;
  std::optional<std::vector<TokenId>> ids;
  Json messages, tools, template_args;  // null where they are not there
  std::optional<bool> heal;

  // Whether the key is one of these.
  bool take(const std::string& key, const Json& value, int64_t vocabulary) {
    if (key == "prompt") {
      prompt = text_of(key, value);
    } else if (key == "ids") {
      ids = ids_of(key, value, vocabulary);
    } else if (key == "messages") {
      messages = objects_of(key, value);
    } else if (key == "tools") {
      tools = objects_of(key, value);
    } else if (key == "template_args") {
      if (!value.is_object()) refuse(key, "an object", value);
      template_args = value;
    } else if (key == "token_healing") {
      heal = switch_of(key, value);
    } else {
      return false;
    }
    return true;
  }

  void check(bool has_tokenizer) const {
    const int texts = (prompt ? 1 : 0) + (ids ? 1 : 0) + (messages.is_null() ? 0 : 1);
    if (texts != 1)
      throw Error({.what = texts == 0 ? "the line has no prompt" : "the line has more than one prompt",
                   .expected = "\"prompt\": a text, \"ids\": a list of token ids, or \"messages\": a list of objects"});
    if (!ids && !has_tokenizer)
      throw Error({.what = "a text needs a tokenizer, and the model has none", .expected = "\"ids\""});
    if (!messages.is_null() && heal.value_or(false))
      throw Error({.what = "a chat template ends its prompt itself", .where = "token_healing", .expected = "false"});
    if (messages.is_null() && !(tools.is_null() && template_args.is_null()))
      throw Error({.what = "this is for a chat template",
                   .where = tools.is_null() ? "template_args" : "tools",
                   .expected = "\"messages\" beside it"});
  }
};

// "top_k" is the flag --top-k; names that generation_config.json has otherwise are known, too.
const SamplingParameter* find_parameter(const std::string& key) {
  std::string flag = key;
  std::replace(flag.begin(), flag.end(), '_', '-');
  for (const SamplingParameter& p : sampling_parameters()) {
    if (p.flag == flag || (!p.config_key.empty() && p.config_key == key)) return &p;
  }
  return nullptr;
}

std::string known_keys() {
  std::string known =
      "some of id, prompt, ids, messages, tools, template_args, token_healing, max_tokens, max_seconds, seed, stop, "
      "greedy, ignore_eos, suppress, temperature";
  for (const SamplingParameter& p : sampling_parameters()) {
    std::string key(p.flag);
    std::replace(key.begin(), key.end(), '-', '_');
    known += ", " + key;
  }
  return known;
}

bool asks_for_a_draw(const Json& line) {
  return line.contains("greedy") || std::any_of(line.items().begin(), line.items().end(), [](const auto& item) {
           const SamplingParameter* p = find_parameter(item.key());
           return p != nullptr && decides_the_draw(*p);
         });
}

void set_number(SamplingOptions& sampling, const SamplingParameter& parameter, const std::string& key,
                const Json& value) {
  if (!value.is_number()) refuse(key, parameter.range(), value);
  const auto number = value.get<double>();
  if (!parameter.contains(number) || (parameter.is_integer() && std::floor(number) != number))
    refuse(key, parameter.range(), value);
  parameter.set(sampling, number);
}

}  // namespace

BatchLine read_batch_line(const Json& line, const TextSource& source, const LineDefaults& defaults) {
  if (!line.is_object()) throw Error({.what = "the line is not a JSON object"});
  BatchLine result;
  GenerateOptions& options = result.text.options = defaults.options;
  if (asks_for_a_draw(line)) options.sampling = defaults.if_asked;
  options.sampling.seed = defaults.options.sampling.seed;
  LineText text;
  for (const auto& [key, value] : line.items()) {
    if (key == "id" || text.take(key, value, defaults.vocabulary_size)) continue;
    if (key == "max_tokens") {
      options.max_tokens = whole_of<int64_t>(key, value);
    } else if (key == "max_seconds") {
      if (!value.is_number() || value.get<double>() < 0) refuse(key, "a number of at least 0", value);
      options.max_seconds = value.get<double>();
    } else if (key == "seed") {
      options.sampling.seed = whole_of<uint64_t>(key, value);
    } else if (key == "stop") {
      options.stop = texts_of(key, value);
    } else if (key == "greedy") {
      if (switch_of(key, value)) options.sampling.temperature = 0;
    } else if (key == "ignore_eos") {
      options.ignore_end = switch_of(key, value);
    } else if (key == "suppress") {
      options.sampling.suppress = ids_of(key, value, defaults.vocabulary_size);
    } else if (const SamplingParameter* parameter = find_parameter(key)) {
      set_number(options.sampling, *parameter, key, value);
    } else {
      throw Error(
          {.what = "the line has an unknown key", .expected = known_keys(), .found = "\"" + key.substr(0, 80) + "\""});
    }
  }
  text.check(source.tokenizer() != nullptr);
  if (!options.stop.empty() && source.tokenizer() == nullptr)
    throw Error({.what = "a stop text needs a tokenizer, and the model has none", .where = "stop"});
  if (!text.messages.is_null()) {
    std::tie(result.chat, result.text.prompt) =
        defaults.chats->render(text.messages, text.tools, text.template_args, *source.tokenizer());
    result.prompt = result.chat->prompt;
    return result;
  }
  result.prompt = text.prompt.value_or("");
  result.text.prompt = source.encode({.ids = std::move(text.ids), .text = result.prompt}, defaults.special);
  if (options.max_tokens > 0 && text.heal.value_or(defaults.heal))
    options.taken_back = defaults.healing->take_back(result.text.prompt);
  return result;
}

}  // namespace foretell::cli
