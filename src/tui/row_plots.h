// SPDX-License-Identifier: Apache-2.0
// The plots in the rows of a table: of one scale, so that rows can be compared, or each of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "tui/frame.h"
#include "tui/table_layout.h"

namespace sockscope::tui {

// Of the rows that are on the screen, where the view's columns have a plot.
class RowPlots {
 public:
  // `read`: the values of a row, so many; empty: it has no plot.
  RowPlots(const State& state, const Frame& frame,
           const std::function<Series(const Row&, std::size_t points)>& read);

  CellText of(const Row& row) const;
  // "60s ≤139M": how long they are, and what is as high as a row.
  std::string heading() const;

 private:
  const Settings& settings_;
  std::map<RowKey, Series> series_;
  double top_ = 0;  // of all
};

}  // namespace sockscope::tui
