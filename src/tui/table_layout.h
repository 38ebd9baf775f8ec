// SPDX-License-Identifier: Apache-2.0
// Which columns fit, how wide they are, and drawing them. Widths depend only on the terminal, never
// on the contents, so that nothing moves while rows come and go.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tui/frame.h"
#include "view/column_id.h"

namespace sockscope::tui {

// Narrower screens have short headings.
inline constexpr int kNarrow = 60;

// On screens at least this wide, connections show TCP's internals and the process at the other end,
// and their details have their events beside them.
inline constexpr int kWide = 160;

struct ColumnSpec {
  ColumnId id;
  int width = 0;
  int from = 0;        // shown on terminals with at least this many columns …
  int to = INT32_MAX;  // … and fewer than this
  int most = 0;        // grows up to this width; 0: does not grow

  const ColumnInfo& info() const noexcept { return info_of(id); }
  std::string_view heading() const noexcept {
    const ColumnInfo& column = info();
    return to <= kNarrow && !column.short_heading.empty() ? column.short_heading
           : !column.screen_heading.empty()               ? column.screen_heading
                                                          : column.heading;
  }
  bool is_shown(int columns) const noexcept { return columns >= from && columns < to; }
};

struct PlacedColumn {
  const ColumnSpec* spec = nullptr;
  int x = 0;
  int width = 0;

  ColumnId id() const noexcept { return spec->id; }
};

// The first column of the screen is left to marks.
std::vector<PlacedColumn> place_columns(std::span<const ColumnSpec> specs, int columns);
// For a view's list. Columns that the user picked replace those that a narrower screen does not
// have.
std::vector<PlacedColumn> place_columns(const State& state, const View& view);
// The columns that can be picked.
std::span<const ColumnSpec> tcp_columns();

struct CellText {
  std::string text;
  Role role = Role::kText;
  std::string whole = {};  // all of a shortened "address:port" in ASCII, otherwise empty
};
// The text may be longer than the column; it is then cut at the right.
using CellReader = std::function<CellText(const PlacedColumn&)>;

// `plots`: the heading of the column of plots; empty: as ColumnInfo has it.
struct Heading {
  ColumnId sort = ColumnId::kNone;
  bool reverse = false;
  bool clickable = false;
  std::string plots = {};
};
void draw_heading(const std::vector<PlacedColumn>& columns, const Heading& heading, int y,
                  Screen& screen);
void draw_cells(const std::vector<PlacedColumn>& columns, int y, Role role, const CellReader& read,
                Screen& screen);

// Draws the rows of the list that are on the screen, with the selected one marked. If different
// texts would look the same after shortening, they are shortened so that their difference is
// visible.
using RowReader = std::function<CellText(const Row&, const PlacedColumn&)>;
void draw_list(const State& state, const Frame& frame, const RowReader& read, Screen& screen,
               std::string plots = {});
// The same for the view whose list is in the pane.
void draw_pane_list(const State& state, int y, const Frame& frame, const RowReader& read,
                    Screen& screen);

}  // namespace sockscope::tui
