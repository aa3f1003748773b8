// The files of this folder, inside the program.
#pragma once

#include <string_view>

namespace foretell::resources {

extern const std::string_view page_html, page_css, page_js;

}  // namespace foretell::resources
