// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <regex>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace sockscope {

// A regular expression (ECMAScript) of a user, or why it is none. std::regex reports by throwing
// and overflows in what it takes for numbers; nothing of that leaves here.
inline tl::expected<std::regex, std::string> compile_pattern(const std::string& text,
                                                             std::regex::flag_type flags = {}) {
  const auto refuse = [](std::string_view why) {
    return tl::make_unexpected(fmt::format("not a regular expression: {}", why));
  };
  const auto is_digit = [&](std::size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] <= '9';
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      if (is_digit(i + 1) && text[i + 1] != '0') return refuse("there are no back references here");
      ++i;
    } else if (text[i] == '{') {
      std::size_t length = 0;
      for (std::size_t at = i + 1; is_digit(at) || (at < text.size() && text[at] == ','); ++at) {
        length = is_digit(at) ? length + 1 : 0;
        if (length > 3) return refuse("it repeats more than 999 times");
      }
    }
  }
  flags |= std::regex::ECMAScript | std::regex::optimize;
#ifdef __GLIBCXX__
  // Time linear in the text: without it an expression such as (a+)+b takes minutes on one name.
  flags |= std::regex_constants::__polynomial;
#endif
  try {
    return std::regex(text, flags);
  } catch (const std::regex_error& error) {
    return refuse(error.what());
  }
}

}  // namespace sockscope
