// SPDX-License-Identifier: Apache-2.0
// Rows as lines of text for people, and as CSV for programs. Lines have no newline at their end.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "view/columns.h"

namespace sockscope {

template <class Row>
struct Order {
  const Column<Row>* column = nullptr;  // nullptr: keep the order of the rows
  bool reverse = false;
  std::size_t top = 0;  // how many rows to keep; 0: all
};

// Numbers from large to small, texts from a to z (without a user_name callback users are numbers);
// `reverse` is the opposite. Unknown values come last in either direction, equal ones are ordered
// by pid, then by cookie or start time. The pointers point into rows.
template <class Row>
std::vector<const Row*> arrange(std::span<const Row> rows, const Order<Row>& order,
                                const CellOptions& options);

// A heading and one line per row; columns are as wide as their content. If a line would have more
// than `width` cells, text columns are shortened, the widest first, down to their least width; then
// lines are cut. width 0 or options.wide: no limit.
template <class Row>
std::vector<std::string> render_table(std::span<const Row* const> rows,
                                      const ColumnList<Row>& columns, const CellOptions& options,
                                      std::size_t width);

// A text as a CSV field (RFC 4180). options.spreadsheet: puts ' before a text that a spreadsheet
// would run.
std::string csv_text(const std::string& text, const CellOptions& options);

// CSV with the columns' names as its heading; cells are raw_text().
template <class Row>
std::vector<std::string> render_csv(std::span<const Row* const> rows,
                                    const ColumnList<Row>& columns, const CellOptions& options);

}  // namespace sockscope
