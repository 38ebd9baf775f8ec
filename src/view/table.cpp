// SPDX-License-Identifier: Apache-2.0
#include "view/table.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace sockscope {
namespace {

auto identity(const Flow& f) {
  return std::tuple(f.owner.pid, f.cookie);
}
auto identity(const Process& p) {
  return std::tuple(p.pid, p.start_ns);
}

// Takes cells from the widest column that can give some until the line fits.
template <class Row>
void shrink(std::vector<std::size_t>& widths, const ColumnList<Row>& columns, std::size_t width) {
  std::size_t line = std::accumulate(widths.begin(), widths.end(), columns.size() - 1);
  while (line > width) {
    std::size_t widest = columns.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const bool can_give = columns[i]->info().is_text() && widths[i] > columns[i]->width;
      if (can_give && (widest == columns.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == columns.size()) return;
    --widths[widest];
    --line;
  }
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

// What a spreadsheet would run as a formula.
bool is_formula(std::string_view text) {
  return text.find_first_of("=+-@\t\r") == 0;
}

}  // namespace

std::string csv_text(const std::string& text, const CellOptions& options) {
  return csv_field(options.spreadsheet && is_formula(text) ? '\'' + text : text);
}

template <class Row>
std::vector<const Row*> arrange(std::span<const Row> rows, const Order<Row>& order,
                                const CellOptions& options) {
  std::vector<std::pair<SortKey, const Row*>> keyed;
  keyed.reserve(rows.size());
  for (const Row& row : rows) {
    keyed.emplace_back(order.column ? sort_key(*order.column, row, options) : SortKey(), &row);
  }
  const auto before = [&](const auto& a, const auto& b) {
    if (a.first == b.first) return identity(*a.second) < identity(*b.second);
    return comes_before(a.first, b.first, order.reverse);
  };
  if (order.column) std::stable_sort(keyed.begin(), keyed.end(), before);
  if (order.top != 0 && order.top < keyed.size()) keyed.resize(order.top);
  std::vector<const Row*> arranged;
  arranged.reserve(keyed.size());
  for (const auto& [key, row] : keyed) arranged.push_back(row);
  return arranged;
}

template <class Row>
std::vector<std::string> render_table(std::span<const Row* const> rows,
                                      const ColumnList<Row>& columns, const CellOptions& options,
                                      std::size_t width) {
  if (columns.empty()) return {};
  std::vector<std::size_t> widths;
  for (const auto* column : columns) {
    std::size_t widest = std::max(column->width, display_width(column->info().heading));
    for (const Row* row : rows) {
      widest = std::max(widest, display_width(cell_text(*column, *row, options)));
    }
    widths.push_back(widest);
  }
  const bool limited = width != 0 && !options.wide;
  if (limited) shrink(widths, columns, width);

  std::vector<std::string> lines;
  lines.reserve(rows.size() + 1);
  const auto add_line = [&](const auto& cell) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i != 0) line += ' ';
      const std::string text = cell(*columns[i], widths[i]);
      line += columns[i]->info().is_text() ? pad_right(text, widths[i]) : pad_left(text, widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(limited ? shorten_right(line, width) : line);
  };
  add_line(
      [](const Column<Row>& column, std::size_t) { return std::string(column.info().heading); });
  for (const Row* row : rows) {
    add_line([&](const Column<Row>& column, std::size_t cells) {
      return cell_text(column, *row, options, cells);
    });
  }
  return lines;
}

template <class Row>
std::vector<std::string> render_csv(std::span<const Row* const> rows,
                                    const ColumnList<Row>& columns, const CellOptions& options) {
  std::vector<std::string> lines;
  lines.reserve(rows.size() + 1);
  const auto add_line = [&](const auto& cell) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i != 0) line += ',';
      line += cell(*columns[i]);
    }
    lines.push_back(std::move(line));
  };
  add_line([](const Column<Row>& column) { return std::string(column.info().name); });
  for (const Row* row : rows) {
    add_line([&](const Column<Row>& column) {
      const std::string text = raw_text(column, *row, options);
      return column.info().is_text() ? csv_text(text, options) : csv_field(text);
    });
  }
  return lines;
}

#define INSTANTIATE(Row)                                                                     \
  template std::vector<const Row*> arrange(std::span<const Row>, const Order<Row>&,          \
                                           const CellOptions&);                              \
  template std::vector<std::string> render_table(                                            \
      std::span<const Row* const>, const ColumnList<Row>&, const CellOptions&, std::size_t); \
  template std::vector<std::string> render_csv(std::span<const Row* const>,                  \
                                               const ColumnList<Row>&, const CellOptions&);

INSTANTIATE(Flow)
INSTANTIATE(Process)

#undef INSTANTIATE

}  // namespace sockscope
