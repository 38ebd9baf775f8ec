// SPDX-License-Identifier: Apache-2.0
#include "tui/key_reader.h"

#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <ncurses.h>

#include "base/clock.h"

namespace sockscope::tui {
namespace {

constexpr std::uint64_t kDoubleClickNs = 400'000'000;

std::string utf8(unsigned code) {
  std::string text;
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0 | code >> 12);
    text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x110000) {
    text += static_cast<char>(0xF0 | code >> 18);
    text += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  }
  return text;
}

std::optional<KeyName> function_key(unsigned code) {
  switch (code) {
    case KEY_UP: return KeyName::kUp;
    case KEY_DOWN: return KeyName::kDown;
    case KEY_LEFT: return KeyName::kLeft;
    case KEY_RIGHT: return KeyName::kRight;
    case KEY_HOME: return KeyName::kHome;
    case KEY_END: return KeyName::kEnd;
    case KEY_PPAGE: return KeyName::kPageUp;
    case KEY_NPAGE: return KeyName::kPageDown;
    case KEY_ENTER: return KeyName::kEnter;
    case KEY_BACKSPACE: return KeyName::kBackspace;
    case KEY_DC: return KeyName::kDelete;
    case KEY_BTAB: return KeyName::kBackTab;
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<Key> KeyReader::mouse() {
  MEVENT event{};
  if (::getmouse(&event) != OK) return std::nullopt;
  Key key;
  key.column = event.x;
  key.row = event.y;
  if ((event.bstate & BUTTON4_PRESSED) != 0) {
    key.name = KeyName::kWheelUp;
  } else if ((event.bstate & BUTTON5_PRESSED) != 0) {
    key.name = KeyName::kWheelDown;
  } else if ((event.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON1_DOUBLE_CLICKED)) != 0) {
    // ncurses reports a press and release that come together as one click.
    const std::uint64_t now = mono_now_ns();
    const bool again =
        (event.bstate & BUTTON1_DOUBLE_CLICKED) != 0 ||
        (now - last_click_ns_ < kDoubleClickNs && event.x == last_column_ && event.y == last_row_);
    key.name = again ? KeyName::kDoubleClick : KeyName::kClick;
    last_click_ns_ = again ? 0 : now;
    last_column_ = event.x;
    last_row_ = event.y;
  } else {
    return std::nullopt;
  }
  return key;
}

std::optional<Key> KeyReader::next(bool is_function_key, unsigned code) {
  if (is_function_key) {
    if (code == KEY_MOUSE) return mouse();
    if (code >= KEY_F(1) && code <= KEY_F(kFunctionKeys))
      return Key{KeyName::kFunction, std::to_string(code - KEY_F(0))};
    const auto name = function_key(code);
    return name ? std::optional(Key{*name}) : std::nullopt;
  }
  switch (code) {
    case 0: return std::nullopt;
    case 8:
    case 127: return Key{KeyName::kBackspace};
    case 9: return Key{KeyName::kTab};
    case 10:
    case 13: return Key{KeyName::kEnter};
    case 27: return Key{KeyName::kEscape};
    default: break;
  }
  if (code < 27) return Key{KeyName::kControl, std::string(1, static_cast<char>('a' + code - 1))};
  if (code < 32 || (code >= 0x80 && code < 0xA0)) return std::nullopt;
  return Key{KeyName::kText, utf8(code)};
}

}  // namespace sockscope::tui
