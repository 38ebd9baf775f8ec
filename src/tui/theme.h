// SPDX-License-Identifier: Apache-2.0
// What roles look like. Uses only the eight base colours, which are readable on black and on white
// backgrounds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tui/grid.h"

namespace sockscope::tui {

struct Look {
  std::int8_t colour = -1;  // 0 black … 7 white; -1: the terminal's own
  bool bold = false;
  bool dim = false;
  bool reverse = false;
  bool underline = false;
};

using Theme = std::array<Look, kRoles>;

inline constexpr std::array<std::string_view, 4> kThemeNames = {"default", "mono", "high-contrast",
                                                                "colour-blind"};

// nullopt: there is no theme of that name.
std::optional<Theme> find_theme(std::string_view name);

}  // namespace sockscope::tui
