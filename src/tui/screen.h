// SPDX-License-Identifier: Apache-2.0
// A whole screen from model and state. Pure, so that tests can compare it as text.
#pragma once

#include <cstddef>
#include <vector>

#include "tui/grid.h"
#include "tui/model.h"
#include "tui/state.h"

namespace sockscope::tui {

// What a click at a place means.
struct Hit {
  enum class Kind : std::uint8_t { kView, kRow, kPaneRow, kHeading, kKey, kOverlayRow };
  Kind kind = Kind::kRow;
  int row = 0;
  int from = 0;
  int to = 0;              // exclusive
  std::size_t number = 0;  // of the view, row, Action or ColumnId
};

struct Screen {
  Grid grid;
  std::vector<Hit> hits;
};

Screen render(const Model& model, const State& state);

// How many rows the list of the view on the screen has room for.
std::size_t visible_rows(const State& state);

}  // namespace sockscope::tui
