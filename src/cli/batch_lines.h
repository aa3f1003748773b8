// `generate --batch-lines`: JSON Lines in, JSON Lines out, in the same order. What the output file has already is not
// written again.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/batch_line.h"
#include "cli/context.h"
#include "cli/generation_view.h"

namespace foretell::cli {

// Where results go: a file, to which they are added, or standard output.
class LinesOutput {
 public:
  // Throws Error where the file cannot be written.
  LinesOutput(Context& context, const std::optional<std::string>& path);
  ~LinesOutput();
  LinesOutput(const LinesOutput&) = delete;
  LinesOutput& operator=(const LinesOutput&) = delete;

  // The lines that are there. One that was not written to its end is removed.
  const std::vector<std::string>& lines() const { return lines_; }
  const std::string& path() const { return path_; }
  void write(const nlohmann::ordered_json& line);

 private:
  Context& context_;
  std::string path_;  // empty: standard output
  int fd_ = -1;
  std::vector<std::string> lines_;
};

class BatchLines {
 public:
  // Reads the input, and what the output has of it already. Throws Error where that is of another input.
  BatchLines(Context& context, const std::string& input, const std::optional<std::string>& output);

  bool done() const { return first_ == lines_.size(); }

  // Writes what is missing. A line that fails becomes an object with its error.
  void run(Batch& batch, const TextSource& source, const GenerationView& view, const LineDefaults& defaults, bool echo);

  size_t failed() const { return failed_; }
  size_t skipped() const { return first_; }
  int64_t tokens() const { return tokens_; }

 private:
  struct Line {
    size_t number;  // in the file, from 1 on
    std::string text;
    nlohmann::ordered_json json;  // discarded: not JSON
    std::vector<TokenId> prompt;  // while it is being written
    std::string echoed;
    std::optional<LineChat> chat;
  };
  void check_resumed(size_t index, const std::string& done) const;
  nlohmann::ordered_json head(const Line& line) const;
  void add_next(Batch& batch, const TextSource& source, const LineDefaults& defaults, bool echo);
  void take(size_t index, nlohmann::ordered_json result);
  void fail(size_t index, const Error& error);

  std::string input_;
  std::vector<Line> lines_;
  LinesOutput output_;
  size_t first_ = 0;                                  // that the output did not have
  size_t added_ = 0;                                  // the next to be begun
  size_t written_ = 0;                                // the next to be written
  std::vector<size_t> line_of_;                       // by the batch's index
  std::map<size_t, nlohmann::ordered_json> waiting_;  // for those before them
  size_t failed_ = 0;
  int64_t tokens_ = 0;
};

}  // namespace foretell::cli
