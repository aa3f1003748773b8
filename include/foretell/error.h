// The one exception of the library.
//
// Thrown while loading, parsing and reading options; never from a running forward pass. Each layer that passes an error
// on may add what it knows (Error::with). The library itself never prints and never exits.
#pragma once

#include <exception>
#include <string>

namespace foretell {

// What went wrong, where, what was expected there and what was found. Empty parts are left out of the message.
struct ErrorParts {
  std::string what = {};   // "tensor has another shape than config.json says"
  std::string file = {};   // the file or folder to blame
  std::string where = {};  // a tensor, a key, an offset inside that file
  std::string expected = {};
  std::string found = {};
  std::string hint = {};  // one line that helps, printed after the error
};

class Error : public std::exception {
 public:
  explicit Error(ErrorParts parts);
  // "FILE: WHAT (where: WHERE; expected X, found Y)", one line: control characters are escaped.
  const char* what() const noexcept override { return message_.c_str(); }
  const ErrorParts& parts() const noexcept { return parts_; }
  // A copy in which the parts that are still empty are taken from `more`.
  Error with(const ErrorParts& more) const;

 private:
  ErrorParts parts_;
  std::string message_;
};

}  // namespace foretell
