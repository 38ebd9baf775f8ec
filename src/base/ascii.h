// SPDX-License-Identifier: Apache-2.0
// Lower case of ASCII letters, whatever the locale.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace sockscope {

constexpr char ascii_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string ascii_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return ascii_lower(c); });
  return out;
}

}  // namespace sockscope
