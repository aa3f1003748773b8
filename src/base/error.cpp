#include "foretell/error.h"

namespace foretell {
namespace {

// Names and values come from files: keep them on one line and off the terminal's control sequences, and not endless.
std::string printable(const std::string& text) {
  constexpr size_t limit = 300;
  std::string out;
  for (const char character : text.substr(0, limit)) {
    const auto c = static_cast<unsigned char>(character);
    if (c >= 0x20 && c != 0x7f) {
      out += static_cast<char>(c);
    } else {
      constexpr char digits[] = "0123456789abcdef";
      out += {'\\', 'x', digits[c >> 4], digits[c & 15]};
    }
  }
  if (text.size() > limit) out += "...";
  return out;
}

std::string compose(const ErrorParts& p) {
  std::string message = p.file.empty() ? "" : printable(p.file) + ": ";
  message += printable(p.what);
  std::string details;
  const auto add = [&](const char* separator, const char* label, const std::string& value) {
    if (value.empty()) return;
    if (!details.empty()) details += separator;
    details += label + printable(value);
  };
  add("; ", "where: ", p.where);
  add("; ", "expected ", p.expected);
  add(p.expected.empty() ? "; " : ", ", "found ", p.found);
  if (!details.empty()) message += " (" + details + ")";
  return message;
}

}  // namespace

Error::Error(ErrorParts parts) : parts_(std::move(parts)), message_(compose(parts_)) {}

Error Error::with(const ErrorParts& more) const {
  ErrorParts p = parts_;
  const auto fill = [](std::string& to, const std::string& from) {
    if (to.empty()) to = from;
  };
  fill(p.what, more.what);
  fill(p.file, more.file);
  fill(p.where, more.where);
  fill(p.expected, more.expected);
  fill(p.found, more.found);
  fill(p.hint, more.hint);
  return Error(std::move(p));
}

}  // namespace foretell
