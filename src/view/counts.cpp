// SPDX-License-Identifier: Apache-2.0
#include "view/counts.h"

#include <algorithm>
#include <map>

#include "view/table.h"

namespace sockscope {
namespace {

template <class Row>
std::vector<const Row*> rows_of(std::span<const Count<Row>> counts) {
  std::vector<const Row*> rows;
  for (const Count<Row>& count : counts) rows.push_back(count.one_of_them);
  return rows;
}

}  // namespace

template <class Row>
std::vector<Count<Row>> count_rows(std::span<const Row> rows, const ColumnList<Row>& columns,
                                   const CellOptions& options, Compared compared,
                                   bool fewest_first) {
  std::map<std::vector<std::string>, Count<Row>> by_texts;
  for (const Row& row : rows) {
    std::vector<std::string> texts;
    for (const Column<Row>* column : columns)
      texts.push_back(compared == Compared::kCells ? cell_text(*column, row, options)
                                                   : raw_text(*column, row, options));
    ++by_texts.try_emplace(std::move(texts), Count<Row>{0, &row}).first->second.rows;
  }
  std::vector<Count<Row>> counts;
  for (const auto& [texts, count] : by_texts) counts.push_back(count);
  std::ranges::stable_sort(counts, [&](const Count<Row>& a, const Count<Row>& b) {
    return fewest_first ? a.rows < b.rows : a.rows > b.rows;
  });
  return counts;
}

template <class Row>
std::vector<std::string> render_counts(std::span<const Count<Row>> counts,
                                       const ColumnList<Row>& columns, const CellOptions& options,
                                       std::size_t width) {
  static constexpr std::string_view kHeading = "COUNT";
  std::size_t digits = kHeading.size();
  for (const Count<Row>& count : counts)
    digits = std::max(digits, std::to_string(count.rows).size());
  // At least one column remains for the values, on a screen of any width.
  const std::size_t rest = width == 0 ? 0 : std::max(width, digits + 2) - digits - 1;
  auto lines = render_table<Row>(rows_of(counts), columns, options, rest);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string number = i == 0 ? std::string(kHeading) : std::to_string(counts[i - 1].rows);
    lines[i] = pad_left(number, digits) + ' ' + lines[i];
  }
  return lines;
}

template <class Row>
std::vector<std::string> render_counts_csv(std::span<const Count<Row>> counts,
                                           const ColumnList<Row>& columns,
                                           const CellOptions& options) {
  auto lines = render_csv<Row>(rows_of(counts), columns, options);
  for (std::size_t i = 0; i < lines.size(); ++i)
    lines[i] = (i == 0 ? "count" : std::to_string(counts[i - 1].rows)) + ',' + lines[i];
  return lines;
}

#define INSTANTIATE(Row)                                                                     \
  template std::vector<Count<Row>> count_rows(std::span<const Row>, const ColumnList<Row>&,  \
                                              const CellOptions&, Compared, bool);           \
  template std::vector<std::string> render_counts(                                           \
      std::span<const Count<Row>>, const ColumnList<Row>&, const CellOptions&, std::size_t); \
  template std::vector<std::string> render_counts_csv(std::span<const Count<Row>>,           \
                                                      const ColumnList<Row>&, const CellOptions&);

INSTANTIATE(Flow)
INSTANTIATE(Process)

#undef INSTANTIATE

}  // namespace sockscope
