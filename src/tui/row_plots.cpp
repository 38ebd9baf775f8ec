// SPDX-License-Identifier: Apache-2.0
#include "tui/row_plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/text.h"
#include "tui/view.h"

namespace sockscope::tui {

RowPlots::RowPlots(const State& state, const Frame& frame,
                   const std::function<Series(const Row&, std::size_t points)>& read)
    : settings_(state.settings) {
  const auto columns = place_columns(state, *state.view);
  const auto column = std::find_if(columns.begin(), columns.end(), [](const PlacedColumn& each) {
    return each.id() == ColumnId::kSpark;
  });
  if (column == columns.end()) return;
  const Table& table = state.table();
  const auto rows = std::span(table.listing.rows);
  const std::size_t first = std::min(table.top, rows.size());
  const auto room = static_cast<std::size_t>(std::max(frame.count, 0));
  for (const Row& row : rows.subspan(first, std::min(room, rows.size() - first))) {
    Series series = read(row, static_cast<std::size_t>(column->width) * 2);
    for (const auto& value : series) top_ = std::max(top_, value.value_or(0));
    series_.emplace(row.key, std::move(series));
  }
}

CellText RowPlots::of(const Row& row) const {
  const auto found = series_.find(row.key);
  if (found == series_.end()) return {};
  return {sparkline(found->second, settings_.plot, settings_.own_scales ? 0 : top_), Role::kRx};
}

std::string RowPlots::heading() const {
  if (settings_.own_scales) return fmt::format("{}s each", settings_.window_s);
  if (top_ == 0) return fmt::format("{}s", settings_.window_s);
  return fmt::format("{}s ≤{}", settings_.window_s, format_rate(top_, settings_.units));
}

}  // namespace sockscope::tui
