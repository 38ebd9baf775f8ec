// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

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

// Reports a column that does not exist; empty then.
template <class Row>
std::optional<TableChoice<Row>> choose_table(const Arguments& arguments,
                                             std::string_view default_columns,
                                             std::string_view default_sort) {
  TableChoice<Row> choice;
  auto columns = parse_columns<Row>(
      arguments.columns.empty() ? default_columns : std::string_view(arguments.columns));
  if (!columns) {
    report("cannot use --columns: " + columns.error(), "", "");
    return std::nullopt;
  }
  choice.columns = std::move(*columns);
  auto sort =
      parse_column<Row>(arguments.sort.empty() ? default_sort : std::string_view(arguments.sort));
  if (!sort) {
    report("cannot use --sort: " + sort.error(), "", "");
    return std::nullopt;
  }
  choice.order = {.column = *sort, .reverse = arguments.reverse, .top = arguments.top};
  choice.cells.units = arguments.units;
  choice.cells.wide = arguments.wide;
  choice.cells.user_name = user_name;
  return choice;
}

}  // namespace sockscope
