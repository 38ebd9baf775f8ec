// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "tui/key.h"

namespace sockscope::tui {

// Turns what ncurses reads into keys.
class KeyReader {
 public:
  // Nothing when the code is not a key.
  std::optional<Key> next(bool is_function_key, unsigned code);

 private:
  std::optional<Key> mouse();

  std::uint64_t last_click_ns_ = 0;
  int last_column_ = -1;
  int last_row_ = -1;
};

}  // namespace sockscope::tui
