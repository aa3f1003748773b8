#include "constrain/string_formats.h"

#include <utility>
#include <vector>

namespace foretell::constrain {
namespace {

// RFC 3339, full-date, from the year 1 on: the days that each month has, and 29 February in leap years.
std::string date() {
  const std::string year = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})";
  const std::string even = "(?:0[48]|[2468][048]|[13579][26])";  // multiples of 4 but 00
  return "(?:" + year +
         "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|"
         "2[0-8]))|(?:[0-9]{2}" +
         even + "|" + even + "00)-02-29)";
}

// RFC 3339, full-time, without leap seconds.
std::string time() {
  const std::string hour = "(?:[01][0-9]|2[0-3])";
  return hour + ":[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-]" + hour + ":[0-5][0-9])";
}

std::string hostname() {  // RFC 1123
  const std::string label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  return label + "(?:\\." + label + "){0,3}";
}

std::string email() {  // RFC 5321, dot-string at domain
  const std::string atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
  return atom + "(?:\\." + atom + ")*@" + hostname();
}

std::string ipv4() {
  const std::string byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  return byte + "(?:\\." + byte + "){3}";
}

std::string ipv6() {  // RFC 4291, without an IPv4 address at the end
  const std::string group = "[0-9A-Fa-f]{1,4}";
  std::string text = "(?:" + group + "(?::" + group + "){7}";
  for (int before = 0; before <= 7; before++) {  // groups before ::, at most 7 in all
    const std::string left = before == 0 ? "" : group + "(?::" + group + "){" + std::to_string(before - 1) + "}";
    const int after = 7 - before;
    text += "|" + left + "::";
    if (after > 0) text += "(?:" + group + "(?::" + group + "){0," + std::to_string(after - 1) + "})?";
  }
  return text + ")";
}

std::string uri() {  // RFC 3986, with an authority
  const std::string rest = "(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*";
  return "[A-Za-z][A-Za-z0-9+.-]*://" + hostname() + "(?::[0-9]{1,5})?(?:/" + rest + ")?(?:\\?" + rest + ")?(?:#" +
         rest + ")?";
}

std::string duration() {  // ISO 8601 as RFC 3339, appendix A has it
  const std::string time = "T(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S)";
  const std::string date =
      "(?:[0-9]{1,9}Y(?:[0-9]{1,9}M(?:[0-9]{1,9}D)?)?|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}D)(?:" + time + ")?";
  return "P(?:" + date + "|" + time + "|[0-9]{1,9}W)";
}

const std::vector<std::pair<std::string_view, std::string>>& formats() {
  static const std::vector<std::pair<std::string_view, std::string>> table = {
      {"date", date()},
      {"time", time()},
      {"date-time", date() + "T" + time()},
      {"duration", duration()},
      {"email", email()},
      {"hostname", hostname()},
      {"ipv4", ipv4()},
      {"ipv6", ipv6()},
      {"uri", uri()},
      {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
  };
  return table;
}

}  // namespace

std::string format_regex(std::string_view format) {
  for (const auto& [name, regex] : formats()) {
    if (name == format) return regex;
  }
  return {};
}

std::string known_formats() {
  std::string names;
  for (const auto& [name, regex] : formats()) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

}  // namespace foretell::constrain
