// SPDX-License-Identifier: Apache-2.0
#include "format/json_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/text.h"

namespace sockscope {

std::string json_quoted(std::string_view bytes) {
  std::string json = "\"";
  const std::string text = clean_utf8(bytes);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto code = static_cast<unsigned char>(text[i]);
    const bool is_c1 = code == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (is_c1) code = static_cast<unsigned char>(text[++i]);
    if (is_c1 || code < ' ' || code == 0x7f || code == '"' || code == '\\')
      json += fmt::format("\\u{:04x}", code);
    else
      json += text[i];
  }
  return json + '"';
}

std::string json_decimal(double value) {
  if (!std::isfinite(value)) return "0";
  char text[400];  // the largest number has 309 digits, the smallest some 340 decimal places
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  return end.ec == std::errc{} ? std::string(text, end.ptr) : "0";
}

}  // namespace sockscope
