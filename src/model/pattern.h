// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace re2 {
class RE2;
}

namespace sockscope {

// A user's regular expression (RE2's syntax: no back references, no look-around), searched for in
// texts that strangers choose. Matching takes linear time, and only the beginning of a text is
// searched.
class Pattern {
 public:
  static constexpr std::size_t kMostText = 4096;  // how many bytes of a text are searched
  enum class Case { kMatters, kIgnored };

  // The error says why the expression is invalid.
  static tl::expected<Pattern, std::string> compile(const std::string& text,
                                                    Case letters = Case::kMatters);
  bool is_in(std::string_view text) const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace sockscope
