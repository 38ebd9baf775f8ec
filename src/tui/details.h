// SPDX-License-Identifier: Apache-2.0
// What the details of a process and those of a connection have in common.
#pragma once

#include <algorithm>
#include <climits>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tui/frame.h"
#include "tui/rows.h"
#include "tui/wide_panes.h"

namespace sockscope::tui {

struct RateLine {
  double now = 0;
  double average = 0;  // of ten seconds
  double peak = 0;
};

RateLine rates(const Series& series, std::optional<double> now, std::size_t points_of_ten_seconds);

// "↓ RX  24.9 Mb/s   avg10s 23.8M   peak 31.0M   total 118.4 MB   80914 segs"
void put_rates(std::string_view arrow, Role role, const RateLine& line, std::uint64_t bytes,
               std::optional<std::uint64_t> segments, int y, const State& state, Screen& screen);

// Read anew for a plot of so many cells.
template <class Read>
Series shown_series(const Model& model, const State& state, int cells, Read read) {
  const auto points = static_cast<std::size_t>(std::max(cells, 1)) * 2;
  return model.history.series(shown_index(model, state), points, plot_step(state, points), read);
}

// One plot of rx above, tx below zero, `rows` rows each, and an axis; x is where the scale begins.
void put_plots(const Series& rx, const Series& tx, int x, int y, int cells, int rows,
               const State& state, Screen& screen);

std::string process_line(const Model& model, std::string_view name, ProcessId id,
                         const std::optional<std::uint32_t>& uid, const ProcessInfo* info);
std::string command_of(const ProcessInfo* info);

void put_fact(int y, std::string_view name, std::string_view text, Grid& grid, int end = INT32_MAX);

}  // namespace sockscope::tui
