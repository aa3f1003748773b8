// Base64 (RFC 4648), in which tokenizers' files write bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace foretell::tokenization {

inline constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string encode_base64(std::string_view bytes);
// Nothing where the text is not base64, with its padding.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace foretell::tokenization
