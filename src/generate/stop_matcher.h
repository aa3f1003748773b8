// Finds stop texts in a text that comes in pieces, and holds back what might be the beginning of one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace foretell {

class StopMatcher {
 public:
  // Empty stop texts are left out.
  explicit StopMatcher(std::vector<std::string> stops);

  // The text that is certain to come before any stop text. The one that ends first counts, of those the longest; the
  // result is the same in whatever pieces the text comes. After a stop text was found, nothing more comes out. Valid
  // until the next call, and as long as `text` is.
  std::string_view push(std::string_view text);
  // What was held back, if no stop text was found.
  std::string_view finish();
  bool found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_, certain_;
  bool found_ = false;
};

}  // namespace foretell
