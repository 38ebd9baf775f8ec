// SPDX-License-Identifier: Apache-2.0
// Rows as lines of text for people, and as CSV for programs. Lines come without their newline.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "view/columns.h"

namespace sockscope {

template <class Row>
struct Order {
  const Column<Row>* column = nullptr;  // nullptr: the rows as they come
  bool reverse = false;
  std::size_t top = 0;  // keep so many rows; 0: all
};

// Numbers from large to small, texts (users without a user_name callback are numbers) from a to z;
// reverse turns that around. Unknown values come last either way, equal ones go by pid, then by
// cookie or start time. The pointers point into rows.
template <class Row>
std::vector<const Row*> arrange(std::span<const Row> rows, const Order<Row>& order,
                                const CellOptions& options);

// A heading and one line per row, columns as wide as their content. Where that makes more than
// `width` cells, columns of text are shortened, the widest first, down to their least width; then
// lines are cut. width 0 and options.wide: no limit.
template <class Row>
std::vector<std::string> render_table(std::span<const Row* const> rows,
                                      const ColumnList<Row>& columns, const CellOptions& options,
                                      std::size_t width);

// A text as a field of CSV (RFC 4180). options.spreadsheet: one that a spreadsheet would run has a
// ' in front.
std::string csv_text(const std::string& text, const CellOptions& options);

// CSV with the columns' names as heading; cells are raw_text.
template <class Row>
std::vector<std::string> render_csv(std::span<const Row* const> rows,
                                    const ColumnList<Row>& columns, const CellOptions& options);

}  // namespace sockscope
