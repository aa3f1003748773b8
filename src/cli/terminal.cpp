#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace foretell::cli {
namespace {

bool set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || *term == '\0' || std::string_view(term) == "dumb";
}

int columns(int descriptor) {
  if (const char* value = std::getenv("COLUMNS"); value != nullptr) {
    const int given = std::atoi(value);
    if (given >= 20 && given <= 1000) return given;
  }
  winsize size = {};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
  return 80;
}

// Reads one character; a negative `code` where the bytes are not UTF-8, of which one is taken then.
std::string_view next_character(std::string_view& rest, utf8proc_int32_t& code) {
  const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(rest.data()),
                                  static_cast<utf8proc_ssize_t>(rest.size()), &code);
  if (n <= 0) code = -1;
  const std::string_view character = rest.substr(0, n > 0 ? static_cast<size_t>(n) : 1);
  rest.remove_prefix(character.size());
  return character;
}

std::string escaped_bytes(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

}  // namespace

Terminal look_at_stream(int descriptor, ColorChoice choice) {
  const bool terminal = isatty(descriptor) == 1;
  Terminal out;
  out.interactive = terminal && !dumb();
  out.color = choice == ColorChoice::Always || (choice == ColorChoice::Auto && out.interactive && !set("NO_COLOR"));
  out.width = columns(descriptor);
  return out;
}

std::string styled(bool on, std::string_view sgr, std::string_view text) {
  if (!on || text.empty()) return std::string(text);
  std::string out = "\033[";
  out.append(sgr).append("m").append(text).append("\033[0m");
  return out;
}

int display_width(std::string_view utf8) {
  int width = 0;
  while (!utf8.empty()) {
    utf8proc_int32_t code = 0;
    next_character(utf8, code);
    width += code < 0 ? 1 : utf8proc_charwidth(code);
  }
  return width;
}

std::string blanks(int columns) { return std::string(static_cast<size_t>(std::max(0, columns)), ' '); }
std::string pad_right(const std::string& text, int width) { return text + blanks(width - display_width(text)); }
std::string pad_left(const std::string& text, int width) { return blanks(width - display_width(text)) + text; }

std::string visible(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    utf8proc_int32_t code = 0;
    const std::string_view character = next_character(text, code);
    // Also the controls of U+0080 to U+009F, line separators and those that turn the direction of writing.
    const bool hidden = code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
                        (code >= 0x2066 && code <= 0x2069);
    if (code == '\n') {
      out += "\\n";
    } else if (code == '\t') {
      out += "\\t";
    } else if (code == '\r') {
      out += "\\r";
    } else if (hidden) {
      out += escaped_bytes(character);
    } else {
      out += character;
    }
  }
  return out;
}

std::string thousands(long long number) {
  const std::string digits = std::to_string(number);
  const size_t first = digits[0] == '-' ? 1 : 0;
  std::string out;
  for (size_t i = 0; i < digits.size(); i++) {
    if (i > first && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string human_bytes(double bytes) {
  constexpr std::array<const char*, 7> units = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.size(); unit++) bytes /= 1000;
  return fmt::format("{:.{}f} {}", bytes, unit == 0 ? 0 : 1, units[unit]);
}

std::string bar(double part, int width) {
  static const char* const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double filled = std::isfinite(part) ? std::clamp(part, 0.0, 1.0) : 0.0;
  const int units = static_cast<int>(std::lround(filled * 8 * width));
  std::string out;
  for (int i = 0; i < units / 8; i++) out += "█";
  return out + eighths[units % 8];
}

}  // namespace foretell::cli
