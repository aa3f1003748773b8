// What the reference raises, by Python's name for it.
#pragma once

#include <exception>
#include <string>

namespace foretell::jinja {

class Failure : public std::exception {
 public:
  Failure(std::string type, std::string message, int line = 0)
      : type_(std::move(type)), message_(std::move(message)), text_(type_ + ": " + message_), line_(line) {}
  const char* what() const noexcept override { return text_.c_str(); }
  const std::string& type() const { return type_; }
  const std::string& message() const { return message_; }
  int line() const { return line_; }
  void at_line(int line) {
    if (line_ == 0) line_ = line;
  }

 private:
  std::string type_, message_, text_;
  int line_;  // of the template; 0: not known
};

}  // namespace foretell::jinja
