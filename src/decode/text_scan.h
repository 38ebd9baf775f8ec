// SPDX-License-Identifier: Apache-2.0
// Cuts text into lines, words and numbers. Copies nothing, and reads nothing past the end.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace sockscope {

// Removes and returns the text before `end`, and drops `end`; returns everything when `end` is
// missing.
inline std::string_view take_before(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return head;
}

inline std::string_view take_line(std::string_view& text) {
  std::string_view line = take_before(text, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Words are separated by spaces and tabs. Empty: there are no more.
inline std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

// Empty unless the whole text is a number.
template <class T>
std::optional<T> to_number(std::string_view text, int base = 10) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

// A decimal number that is neither negative nor infinite.
inline std::optional<double> to_decimal(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || !std::isfinite(value) || value < 0)
    return std::nullopt;
  return value;
}

}  // namespace sockscope
