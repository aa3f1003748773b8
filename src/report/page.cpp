#include "report/page.h"

#include <nlohmann/json.hpp>

#include "report/resources.h"

namespace foretell {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string base64(std::span<const unsigned char> bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    uint32_t group = uint32_t{bytes[i]} << 16;
    if (left > 1) group |= uint32_t{bytes[i + 1]} << 8;
    if (left > 2) group |= bytes[i + 2];
    for (int d = 0; d < 4; d++)
      out += d > static_cast<int>(std::min<size_t>(left, 3)) ? '=' : digits[group >> (18 - 6 * d) & 63];
  }
  return out;
}

std::string report_page(const std::string& title, const nlohmann::ordered_json& data) {
  std::string json = data.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  // A text inside must not end the element that it stands in.
  for (size_t at = 0; (at = json.find('<', at)) != std::string::npos;) json.replace(at, 1, "\\u003c");
  std::string page = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  page +=
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n";
  page += "<title>" + escaped(title) + "</title>\n<style>\n";
  page += std::string(resources::page_css) + "</style></head><body>\n" + std::string(resources::page_html);
  page += "<script type=\"application/json\" id=\"data\">" + json + "</script>\n<script>\n";
  return page + std::string(resources::page_js) + "</script></body></html>\n";
}

}  // namespace foretell
