// SPDX-License-Identifier: Apache-2.0
// Counts rows with equal values in some columns, as "sort | uniq -c" counts equal lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "view/columns.h"

namespace sockscope {

template <class Row>
struct Count {
  std::uint64_t rows;
  const Row* one_of_them;
};

enum class Compared : std::uint8_t { kCells, kRawTexts };  // for tables; for CSV and JSON

// The largest counts come first, or with `fewest_first` the smallest; equal counts are in the order
// of the texts they count. The pointers point into `rows`.
template <class Row>
std::vector<Count<Row>> count_rows(std::span<const Row> rows, const ColumnList<Row>& columns,
                                   const CellOptions& options, Compared compared,
                                   bool fewest_first);

// Like render_table() and render_csv(), with the counts in a first column.
template <class Row>
std::vector<std::string> render_counts(std::span<const Count<Row>> counts,
                                       const ColumnList<Row>& columns, const CellOptions& options,
                                       std::size_t width);
template <class Row>
std::vector<std::string> render_counts_csv(std::span<const Count<Row>> counts,
                                           const ColumnList<Row>& columns,
                                           const CellOptions& options);

}  // namespace sockscope
