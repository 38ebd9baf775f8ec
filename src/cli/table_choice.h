// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "cli/arguments.h"
#include "cli/lookup.h"
#include "cli/report.h"
#include "view/table.h"

namespace sockscope {

// --columns, --sort, --rsort, --top, --units and -w, resolved for one kind of row.
template <class Row>
struct TableChoice {
  ColumnList<Row> columns;
  Order<Row> order;
  CellOptions cells;
};

// Both report a column that does not exist, and return nothing then.
template <class Row>
std::optional<ColumnList<Row>> choose_columns(const Arguments& arguments,
                                              std::span<const ColumnId> default_columns) {
  if (arguments.columns.empty()) return columns_of<Row>(default_columns);
  auto columns = parse_columns<Row>(arguments.columns);
  if (columns) return std::move(*columns);
  report("cannot use --columns: " + columns.error(), "", "");
  return std::nullopt;
}
template <class Row>
std::optional<TableChoice<Row>> choose_table(const Arguments& arguments,
                                             std::span<const ColumnId> default_columns,
                                             ColumnId default_sort) {
  TableChoice<Row> choice;
  auto columns = choose_columns<Row>(arguments, default_columns);
  if (!columns) return std::nullopt;
  choice.columns = std::move(*columns);
  const Column<Row>* column = find_column<Row>(default_sort);
  if (!arguments.sort.empty()) {
    const auto chosen = parse_column<Row>(arguments.sort);
    if (!chosen) {
      report("cannot use --sort: " + chosen.error(), "", "");
      return std::nullopt;
    }
    column = *chosen;
  }
  choice.order = {.column = column, .reverse = arguments.reverse, .top = arguments.top};
  choice.cells.units = arguments.units;
  choice.cells.wide = arguments.wide;
  choice.cells.spreadsheet = arguments.spreadsheet;
  choice.cells.user_name = user_name;
  choice.cells.netns_name = netns_name;
  return choice;
}

// The rows in the order of --sort, as many as --top.
template <class Row>
std::vector<Row> arranged(std::vector<Row> all, const TableChoice<Row>& choice) {
  std::vector<Row> rows;
  rows.reserve(all.size());
  for (const Row* row : arrange<Row>(all, choice.order, choice.cells)) rows.push_back(*row);
  return rows;
}

}  // namespace sockscope
