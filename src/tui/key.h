// SPDX-License-Identifier: Apache-2.0
// What a user does with keyboard and mouse.
#pragma once

#include <string>
#include <string_view>

namespace sockscope::tui {

enum class KeyName : unsigned char {
  kText,  // a character, in `text`
  kEnter,
  kEscape,
  kTab,
  kBackTab,
  kBackspace,
  kDelete,
  kUp,
  kDown,
  kLeft,
  kRight,
  kHome,
  kEnd,
  kPageUp,
  kPageDown,
  kFunction,  // its number is in `text`
  kControl,   // its lower-case letter is in `text`
  kClick,     // at column, row
  kDoubleClick,
  kWheelUp,
  kWheelDown,
};

inline constexpr int kFunctionKeys = 12;

struct Key {
  KeyName name = KeyName::kText;
  std::string text;
  int column = 0;
  int row = 0;

  bool is(std::string_view character) const { return name == KeyName::kText && text == character; }
  bool is_control(char letter) const {
    return name == KeyName::kControl && text.size() == 1 && text[0] == letter;
  }
};

}  // namespace sockscope::tui
