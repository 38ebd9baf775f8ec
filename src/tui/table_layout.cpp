// SPDX-License-Identifier: Apache-2.0
#include "tui/table_layout.h"

#include <algorithm>

#include "base/text.h"

namespace sockscope::tui {

std::vector<PlacedColumn> place_columns(std::span<const ColumnSpec> specs, int columns) {
  std::vector<PlacedColumn> placed;
  int used = 1;
  for (const ColumnSpec& spec : specs) {
    if (columns < spec.from || columns >= spec.to) continue;
    placed.push_back({&spec, 0, spec.width});
    used += spec.width + 1;
  }
  int spare = columns - used;
  // Those that grow take turns, the ones that may grow most first in line.
  for (bool grew = true; spare > 0 && grew;) {
    grew = false;
    for (PlacedColumn& column : placed) {
      if (spare <= 0 || column.width >= column.spec->most) continue;
      ++column.width;
      --spare;
      grew = true;
    }
  }
  int x = 1;
  for (PlacedColumn& column : placed) {
    column.x = x;
    x += column.width + 1;
  }
  return placed;
}

void draw_heading(const std::vector<PlacedColumn>& columns, std::string_view sort, bool reverse,
                  int y, bool clickable, Screen& screen) {
  if (y < 0) return;
  for (const PlacedColumn& column : columns) {
    std::string text(column.spec->heading);
    if (!sort.empty() && column.spec->name == sort) text += reverse ? "▲" : "▼";
    const int end = column.x + column.width;
    if (column.spec->left)
      screen.grid.put(column.x, y, text, {Role::kTitle}, end);
    else
      screen.grid.put_right(end, y, text, {Role::kTitle});
    if (clickable && column.spec->sortable)
      screen.hits.push_back(
          {Hit::Kind::kHeading, y, column.x, end, 0, std::string(column.spec->name)});
  }
}

void draw_cells(const std::vector<PlacedColumn>& columns, int y, Role role, const CellReader& read,
                Screen& screen) {
  for (const PlacedColumn& column : columns) {
    CellText cell = read(column);
    if (cell.role == Role::kText) cell.role = role;
    const auto width = static_cast<std::size_t>(column.width);
    const int end = column.x + column.width;
    const std::string text = shorten_right(clean_text(cell.text), width);
    if (column.spec->left)
      screen.grid.put(column.x, y, text, {cell.role}, end);
    else
      screen.grid.put_right(end, y, text, {cell.role});
  }
}

namespace {

struct ListPlace {
  int first;
  int count;
  Hit::Kind hit;
  bool has_focus;
};

void draw_rows(const Table& table, const std::vector<PlacedColumn>& columns, const ListPlace& place,
               const RowReader& read, Screen& screen) {
  Grid& grid = screen.grid;
  for (int i = 0; i < place.count; ++i) {
    const std::size_t at = table.top + static_cast<std::size_t>(i);
    if (at >= table.listing.rows.size()) break;
    const Row& row = table.listing.rows[at];
    const int y = place.first + i;
    const bool fades = row.mark == 'x' || row.idle;
    draw_cells(
        columns, y, fades ? Role::kDim : Role::kText,
        [&](const PlacedColumn& column) { return read(row, column); }, screen);
    const bool selected = at == table.position;
    if (row.mark == '+')
      grid.put(0, y, "+", {Role::kTitle});
    else if (row.mark == 'x')
      grid.put(0, y, "†", {Role::kDim});
    // Of the list without the focus a mark is left, where it says whose connections stand below.
    if (selected && row.mark == ' ' && (place.has_focus || place.hit == Hit::Kind::kRow))
      grid.put(0, y, "▌");
    if (selected && place.has_focus) grid.select(y, 0, grid.size().columns);
    screen.hits.push_back({place.hit, y, 0, grid.size().columns, at, ""});
  }
}

}  // namespace

void draw_list(const State& state, const Frame& frame, std::span<const ColumnSpec> specs,
               const RowReader& read, Screen& screen) {
  const auto columns = place_columns(specs, screen.grid.size().columns);
  draw_heading(columns, sort_of(state, state.view), state.table().reverse, frame.heading, true,
               screen);
  const bool has_focus = focused_view(state) == state.view;
  draw_rows(state.table(), columns, {frame.first, frame.count, Hit::Kind::kRow, has_focus}, read,
            screen);
}

void draw_pane_list(const State& state, int y, std::span<const ColumnSpec> specs,
                    const Frame& frame, const RowReader& read, Screen& screen) {
  const Table& table = state.tables[static_cast<std::size_t>(View::kProcess)];
  const auto columns = place_columns(specs, screen.grid.size().columns);
  draw_heading(columns, sort_of(state, View::kProcess), table.reverse, y, false, screen);
  const bool has_focus = focused_view(state) == View::kProcess;
  draw_rows(table, columns, {y + 1, pane_list_rows(frame), Hit::Kind::kPaneRow, has_focus}, read,
            screen);
}

std::string heading_of_sort(const State& state, View view) {
  const Table& table = state.tables[static_cast<std::size_t>(view)];
  const std::string_view sort = sort_of(state, view);
  for (const ColumnSpec& column : columns_of(view)) {
    if (column.name != sort) continue;
    std::string heading(column.heading);
    for (const std::string_view arrow : {"↓", "↑"})
      if (const auto at = heading.find(arrow); at != std::string::npos)
        heading.erase(at, arrow.size());
    return heading + (table.reverse ? " ▲" : " ▼");
  }
  return std::string(sort);
}

}  // namespace sockscope::tui
