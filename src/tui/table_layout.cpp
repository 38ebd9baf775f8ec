// SPDX-License-Identifier: Apache-2.0
#include "tui/table_layout.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/text.h"
#include "tui/view.h"

namespace sockscope::tui {

namespace {

std::vector<PlacedColumn> shown_columns(std::span<const ColumnSpec> specs, int columns) {
  std::vector<PlacedColumn> shown;
  for (const ColumnSpec& spec : specs)
    if (spec.is_shown(columns)) shown.push_back({&spec, 0, spec.width});
  return shown;
}

int width_of(const std::vector<PlacedColumn>& columns) {
  int width = 1;
  for (const PlacedColumn& column : columns) width += column.width + 1;
  return width;
}

std::vector<PlacedColumn> spread(std::vector<PlacedColumn> placed, int columns) {
  int spare = columns - width_of(placed);
  // Columns that may grow take turns, beginning with the one that may grow most.
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

}  // namespace

std::vector<PlacedColumn> place_columns(std::span<const ColumnSpec> specs, int columns) {
  return spread(shown_columns(specs, columns), columns);
}

std::vector<PlacedColumn> place_columns(const State& state, const View& view) {
  const int columns = state.size.columns;
  auto placed = shown_columns(view.columns, columns);
  if (!view.has_tcp_columns || state.asked_columns.empty()) return spread(placed, columns);
  for (int width = columns; width >= kNarrow; --width) {
    placed = shown_columns(view.columns, width);
    for (const ColumnSpec& asked : tcp_columns()) {
      const auto is_this = [&](ColumnId id) { return id == asked.id; };
      if (std::any_of(state.asked_columns.begin(), state.asked_columns.end(), is_this) &&
          std::none_of(placed.begin(), placed.end(),
                       [&](const PlacedColumn& column) { return is_this(column.id()); }))
        placed.push_back({&asked, 0, asked.width});
    }
    if (width_of(placed) <= columns) return spread(placed, columns);
  }
  // There is not enough room for all: the last ones are left out.
  if (columns < kNarrow) placed = shown_columns(view.columns, columns);
  while (width_of(placed) > columns) placed.pop_back();
  return spread(placed, columns);
}

std::span<const ColumnSpec> tcp_columns() {
  using enum ColumnId;
  static constexpr ColumnSpec kTcpColumns[] = {
      {kReceiveQueue, 5},  {kSendQueue, 5},    {kSocketDrops, 5},
      {kNotSent, 7},       {kCwnd, 5},         {kSsthresh, 5},
      {kRto, 6},           {kRttVariation, 6}, {kReceiverLimited, 5},
      {kBufferLimited, 7}, {kBusy, 8},         {kDeliveryRate, 7},
      {kLost, 5},          {kReordering, 5},   {kDsack, 5},
      {kPathMtu, 5},       {kMss, 5},          {kCongestionControl, 6}};
  return kTcpColumns;
}

void draw_heading(const std::vector<PlacedColumn>& columns, const Heading& heading, int y,
                  Screen& screen) {
  if (y < 0) return;
  for (const PlacedColumn& column : columns) {
    std::string text(column.spec->heading());
    if (column.id() == ColumnId::kSpark && !heading.plots.empty()) text = heading.plots;
    if (heading.sort != ColumnId::kNone && column.id() == heading.sort)
      text += heading.reverse ? "▲" : "▼";
    const int end = column.x + column.width;
    if (column.spec->info().is_text())
      screen.grid.put(column.x, y, text, {Role::kTitle}, end);
    else
      screen.grid.put_right(end, y, text, {Role::kTitle});
    if (heading.clickable && column.spec->info().sortable)
      screen.hits.push_back(
          {Hit::Kind::kHeading, y, column.x, end, static_cast<std::size_t>(column.id())});
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
    if (column.spec->info().is_text())
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

// Shortens "address:port" to what is around this place, and the port.
std::string cut_around(const std::string& whole, std::size_t place, std::size_t width) {
  if (whole.size() - place < width) return "…" + whole.substr(whole.size() - width + 1);
  const std::string port = whole.substr(whole.rfind(':'));
  const std::size_t room = width - std::min(width, port.size() + 2);
  const std::size_t from = place - std::min(place, room / 2);
  return "…" + whole.substr(from, room) + "…" + port;
}

// If different texts of a column look the same after shortening, they are shortened so that their
// difference is visible.
void tell_apart(const std::vector<CellText*>& cells, int width) {
  std::map<std::string, std::vector<CellText*>> alike;
  for (CellText* cell : cells)
    if (!cell->whole.empty()) alike[cell->text].push_back(cell);
  for (const auto& [text, group] : alike) {
    const std::string& first = group.front()->whole;
    std::optional<std::size_t> place;  // where the first of the others begins to differ
    for (const CellText* cell : group) {
      if (cell->whole == first) continue;
      const auto differs =
          std::mismatch(first.begin(), first.end(), cell->whole.begin(), cell->whole.end());
      const auto here = static_cast<std::size_t>(differs.first - first.begin());
      place = std::min(place.value_or(here), here);
    }
    if (!place) continue;
    for (CellText* cell : group)
      cell->text = cut_around(cell->whole, *place, static_cast<std::size_t>(width));
  }
}

void draw_rows(const Table& table, const std::vector<PlacedColumn>& columns, const ListPlace& place,
               const RowReader& read, Screen& screen) {
  Grid& grid = screen.grid;
  const auto all = std::span(table.listing.rows);
  const auto rows = all.subspan(std::min(table.top, all.size()));
  const auto count = std::min(static_cast<std::size_t>(std::max(place.count, 0)), rows.size());
  std::vector<std::vector<CellText>> cells(count);
  for (std::size_t i = 0; i < count; ++i)
    for (const PlacedColumn& column : columns) cells[i].push_back(read(rows[i], column));
  for (std::size_t c = 0; c < columns.size(); ++c) {
    std::vector<CellText*> of_column;
    for (auto& row : cells) of_column.push_back(&row[c]);
    tell_apart(of_column, columns[c].width);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = table.top + i;
    const Row& row = rows[i];
    const int y = place.first + static_cast<int>(i);
    const bool fades = row.mark == 'x' || row.idle;
    draw_cells(
        columns, y, fades ? Role::kDim : Role::kText,
        [&](const PlacedColumn& column) {
          return cells[i][static_cast<std::size_t>(&column - columns.data())];
        },
        screen);
    const bool selected = at == table.position;
    if (row.mark == '+')
      grid.put(0, y, "+", {Role::kTitle});
    else if (row.mark == 'x')
      grid.put(0, y, "†", {Role::kDim});
    // In the list without the focus a mark remains, which shows whose connections are listed below.
    if (selected && row.mark == ' ' && (place.has_focus || place.hit == Hit::Kind::kRow))
      grid.put(0, y, "▌");
    if (selected && place.has_focus) grid.select(y, 0, grid.size().columns);
    screen.hits.push_back({place.hit, y, 0, grid.size().columns, at});
  }
}

}  // namespace

void draw_list(const State& state, const Frame& frame, const RowReader& read, Screen& screen,
               std::string plots) {
  const auto columns = place_columns(state, *state.view);
  const ColumnId sort = sort_of(state, *state.view);
  draw_heading(columns, {sort, state.table().reverse, sort != ColumnId::kNone, std::move(plots)},
               frame.heading, screen);
  const bool has_focus = &focused_view(state) == state.view;
  draw_rows(state.table(), columns, {frame.first, frame.count, Hit::Kind::kRow, has_focus}, read,
            screen);
}

void draw_pane_list(const State& state, int y, const Frame& frame, const RowReader& read,
                    Screen& screen) {
  const View& pane = *state.view->pane;
  const Table& table = state.table_of(pane);
  const auto columns = place_columns(state, pane);
  draw_heading(columns, {.sort = sort_of(state, pane), .reverse = table.reverse}, y, screen);
  const bool has_focus = &focused_view(state) == &pane;
  draw_rows(table, columns, {y + 1, pane_list_rows(frame), Hit::Kind::kPaneRow, has_focus}, read,
            screen);
}

std::string heading_of_sort(const State& state, const View& view) {
  const Table& table = state.table_of(view);
  const ColumnId sort = sort_of(state, view);
  for (const ColumnSpec& column : view.columns) {
    if (column.id != sort) continue;
    std::string heading(column.heading());
    for (const std::string_view arrow : {"↓", "↑"})
      if (const auto at = heading.find(arrow); at != std::string::npos)
        heading.erase(at, arrow.size());
    return heading + (table.reverse ? " ▲" : " ▼");
  }
  return std::string(info_of(sort).name);
}

}  // namespace sockscope::tui
