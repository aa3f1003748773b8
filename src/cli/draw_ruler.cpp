#include "cli/draw_ruler.h"

#include <algorithm>

#include "cli/terminal.h"

namespace foretell::cli {
namespace {

// The part of the ruler that belongs to one token, its name in the middle where there is room for it.
std::string part(int columns, const std::string& name) {
  if (columns == 1) return "│";
  const auto line = [](int length) {
    std::string text;
    for (int i = 0; i < length; i++) text += "─";
    return text;
  };
  const int inside = columns - 2, text = display_width(name) + 2;
  if (text > inside) return "├" + line(inside) + "┤";
  const int left = (inside - text) / 2;
  return "├" + line(left) + " " + name + " " + line(inside - text - left) + "┤";
}

}  // namespace

std::string draw_ruler(std::span<const DrawShare> shares, const Draw& draw, int width, bool colour,
                       const std::function<std::string(TokenId)>& name) {
  const int columns = std::max(width - 4, 6);
  const auto column = [&](double at) { return std::clamp(static_cast<int>(at * columns), 0, columns); };
  std::string ruler;
  int done = 0;
  for (const DrawShare& share : shares) {
    // A column belongs to what covers its middle.
    const int begin = std::max(done, column(share.from + 0.5 / columns)), end = column(share.to + 0.5 / columns);
    if (begin >= end) continue;
    for (; done < begin; done++) ruler += "·";
    ruler += styled(colour && share.id == draw.id, "1;36", part(end - begin, name(share.id)));
    done = end;
  }
  for (; done < columns; done++) ruler += "·";
  const std::string arrow = blanks(2 + std::min(column(draw.random), columns - 1)) + styled(colour, "1;36", "▲");
  return "0 " + ruler + " 1\n" + arrow + "\n";
}

}  // namespace foretell::cli
