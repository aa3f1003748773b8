// What a stream can show: colour, a width, a line that is drawn again.
#pragma once

#include <string>
#include <string_view>

namespace foretell::cli {

enum class ColorChoice { Auto, Always, Never };

struct Terminal {
  bool interactive = false;  // a terminal that can draw a line again: progress and animation are welcome
  bool color = false;
  int width = 80;  // columns; where the stream is no terminal, as many as are worth reading
};

// Of descriptor 1 or 2. Honours NO_COLOR (no-color.org), TERM=dumb and COLUMNS.
Terminal look_at_stream(int descriptor, ColorChoice choice);

// The text in a colour or weight (the numbers of ECMA-48's SGR, "1;32"), or as it is where `on` is false.
std::string styled(bool on, std::string_view sgr, std::string_view text);

// The columns that a UTF-8 text takes on a terminal; bytes that are not UTF-8 count one each.
int display_width(std::string_view utf8);

std::string blanks(int columns);
// Blanks behind or before the text, up to a width in columns.
std::string pad_right(const std::string& text, int width);
std::string pad_left(const std::string& text, int width);

// Control characters made visible (\n, \t, \x1b), so that a token cannot move the cursor; bytes that are not UTF-8 as
// \xNN.
std::string visible(std::string_view text);

// 1234567 -> "1,234,567".
std::string thousands(long long number);

// 28311552 -> "28.3 MB", in powers of ten.
std::string human_bytes(double bytes);

// A bar of `width` columns of which `part` (0 to 1) is filled, in eighths of a column.
std::string bar(double part, int width);

}  // namespace foretell::cli
