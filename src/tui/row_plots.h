// SPDX-License-Identifier: Apache-2.0
// The plots in the rows of a table. They share one scale, so that rows can be compared, or each has
// its own.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "tui/frame.h"
#include "tui/table_layout.h"

namespace sockscope::tui {

// For the rows that are on the screen, if the view has a column of plots.
class RowPlots {
 public:
  // `read`: returns so many values of a row; empty: it has no plot.
  RowPlots(const State& state, const Frame& frame,
           const std::function<Series(const Row&, std::size_t points)>& read);

  CellText of(const Row& row) const;
  // "60s ≤139M": the time that is plotted, and the value at the top of the scale.
  std::string heading() const;

 private:
  const Settings& settings_;
  std::map<RowKey, Series> series_;
  double top_ = 0;  // the largest value of all
};

}  // namespace sockscope::tui
