#include "cli/batch_lines.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "cli/interrupt.h"
#include "cli/prompt.h"

namespace foretell::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto white_space = " \t\r";

std::vector<TokenId> whole_prompt(const BatchText& text) {
  std::vector<TokenId> ids = text.prompt;
  ids.insert(ids.end(), text.options.taken_back.ids.begin(), text.options.taken_back.ids.end());
  return ids;
}

}  // namespace

LinesOutput::LinesOutput(Context& context, const std::optional<std::string>& path)
    : context_(context), path_(path.value_or("")) {
  if (path_.empty()) return;
  const auto fail = [this] {
    return Error({.what = std::string("cannot write the file: ") + std::strerror(errno), .file = path_});
  };
  struct stat status = {};
  const bool resumable = stat(path_.c_str(), &status) == 0 && S_ISREG(status.st_mode);
  std::string there = resumable ? read_input(path_) : std::string();
  fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) throw fail();
  const size_t end = there.rfind('\n');
  const size_t whole = end == std::string::npos ? 0 : end + 1;
  if (whole < there.size() && ftruncate(fd_, static_cast<off_t>(whole)) != 0) throw fail();
  std::istringstream text(there.substr(0, whole));
  for (std::string line; std::getline(text, line);) lines_.push_back(line);
}

LinesOutput::~LinesOutput() {
  if (fd_ >= 0) close(fd_);
}

void LinesOutput::write(const Json& line) {
  if (path_.empty()) {
    context_.print_json(line);
    return context_.out.flush();
  }
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error({.what = std::string("cannot write the file: ") + std::strerror(errno), .file = path_});
    rest.remove_prefix(static_cast<size_t>(n));
  }
}

BatchLines::BatchLines(Context& context, const std::string& input, const std::optional<std::string>& output)
    : input_(input == "-" ? "standard input" : input), output_(context, output) {
  std::istringstream text(read_input(input));
  size_t number = 0;
  for (std::string line; std::getline(text, line);) {
    number++;
    if (line.find_first_not_of(white_space) == std::string::npos) continue;
    Json json = Json::parse(line, nullptr, false);
    lines_.push_back(
        {.number = number, .text = std::move(line), .json = std::move(json), .prompt = {}, .echoed = {}, .chat = {}});
  }
  const std::vector<std::string>& there = output_.lines();
  if (there.size() > lines_.size())
    throw Error({.what = "the output has more lines than the input",
                 .file = output_.path(),
                 .expected = "at most " + std::to_string(lines_.size()),
                 .found = std::to_string(there.size())});
  for (size_t i = 0; i < there.size(); i++) check_resumed(i, there[i]);
  first_ = added_ = written_ = there.size();
}

// A line of the output must be the one that this input would have there.
void BatchLines::check_resumed(size_t index, const std::string& done) const {
  const Line& line = lines_[index];
  const Json found = Json::parse(done, nullptr, false);
  const Json expected = head(line);
  const bool same =
      found.is_object() && std::all_of(expected.items().begin(), expected.items().end(), [&](const auto& item) {
        return found.contains(item.key()) && found[item.key()] == item.value();
      });
  if (same) return;
  throw Error({.what = "the output file is not that of this input",
               .file = output_.path(),
               .where = "line " + std::to_string(index + 1),
               .expected = expected.dump(-1, ' ', false, Json::error_handler_t::replace),
               .found = done.substr(0, 60),
               .hint = "give -o another name, or remove the file"});
}

Json BatchLines::head(const Line& line) const {
  Json head = {{"line", line.number}};
  if (line.json.is_object() && line.json.contains("id")) head["id"] = line.json["id"];
  return head;
}

void BatchLines::run(Batch& batch, const TextSource& source, const GenerationView& view, const LineDefaults& defaults,
                     bool echo) {
  const auto done = [&](size_t index, const BatchResult& result) {
    const size_t at = line_of_[index];
    Line& line = lines_[at];
    if (result.error) return fail(at, *result.error);
    // What was cut off is written another time.
    if (result.generation->finish_reason == FinishReason::Interrupted) return;
    tokens_ += result.generation->timing.decode_tokens;
    Json document = head(line);
    document.update(view.document(line.prompt, line.echoed, *result.generation));
    if (line.chat) {
      line.chat->conversation.add_answer(line.chat->prompt, result.generation->text);
      document["message"] = line.chat->conversation.messages.back();
    }
    take(at, std::move(document));
  };
  batch.run(done, [&] { add_next(batch, source, defaults, echo); });
}

void BatchLines::add_next(Batch& batch, const TextSource& source, const LineDefaults& defaults, bool echo) {
  while (added_ < lines_.size() && !interrupted()) {
    const size_t at = added_++;
    Line& line = lines_[at];
    try {
      if (line.json.is_discarded()) throw Error({.what = "the line is not JSON"});
      LineDefaults own = defaults;
      *own.options.sampling.seed += line.number - 1;
      BatchLine read = read_batch_line(line.json, source, own);
      line.prompt = read.text.prompt;
      line.chat = std::move(read.chat);
      if (echo) line.echoed = line.json.contains("ids") ? source.decode(whole_prompt(read.text)) : read.prompt;
      line_of_.push_back(at);
      batch.add(std::move(read.text));
      return;
    } catch (const Error& error) {
      fail(at, error);
    }
  }
}

void BatchLines::fail(size_t index, const Error& error) {
  failed_++;
  const Line& line = lines_[index];
  spdlog::warn("{}, line {}: {}", input_, line.number, error.what());
  Json document = head(line);
  document["error"] = error_document(error);
  take(index, std::move(document));
}

// Writes it, and those that waited for it, in the order of the input.
void BatchLines::take(size_t index, Json result) {
  waiting_[index] = std::move(result);
  for (auto next = waiting_.find(written_); next != waiting_.end(); next = waiting_.find(written_)) {
    output_.write(next->second);
    Line& line = lines_[written_++];
    line.prompt = {};
    line.chat = {};
    line.json = {};
    waiting_.erase(next);
  }
}

}  // namespace foretell::cli
