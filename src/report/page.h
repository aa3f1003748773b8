// A report as one HTML file that needs nothing else.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

namespace foretell {

// `data` is what page.js reads.
std::string report_page(const std::string& title, const nlohmann::ordered_json& data);

std::string base64(std::span<const unsigned char> bytes);  // RFC 4648

}  // namespace foretell
