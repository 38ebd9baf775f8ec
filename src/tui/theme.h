// SPDX-License-Identifier: Apache-2.0
// What a role looks like. The eight base colours only, so that both black and white backgrounds do.
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

// nullopt: there is none of that name.
std::optional<Theme> find_theme(std::string_view name);

}  // namespace sockscope::tui
