// SPDX-License-Identifier: Apache-2.0
// What the details of a process and of a connection have in common.
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

// The figures of one process or connection that its two lines of rates show.
struct Figures {
  std::optional<double> rx_rate;
  std::optional<double> tx_rate;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::optional<std::uint64_t> rx_segments = {};
  std::optional<std::uint64_t> tx_segments = {};
};

// Values for a plot of this many cells.
template <class Read>
Series shown_series(const Model& model, const State& state, int cells, Read read) {
  const auto points = static_cast<std::size_t>(std::max(cells, 1)) * 2;
  return model.history.series(shown_index(model, state), points, plot_step(state, points), read);
}

struct Rates {
  int cells;
  Series rx;
  Series tx;
};
// `find` looks in a sample; it returns null when the sample does not contain it.
template <class Find>
Rates shown_rates(const Model& model, const State& state, int cells, Find find) {
  const auto read = [&](auto member) {
    return shown_series(model, state, cells, [&](const Sample& sample) -> std::optional<double> {
      const auto* found = find(sample);
      return found == nullptr ? std::nullopt : member(*found);
    });
  };
  return {cells, read([](const auto& found) { return found.rx_rate; }),
          read([](const auto& found) { return found.tx_rate; })};
}

// Two lines: "↓ RX  24.9 Mb/s   avg10s 23.8M   peak 31.0M   total 118.4 MB   80914 segs"
void put_rates(const Rates& rates, const Figures& now, int y, const State& state, Screen& screen);

// One plot, rx above zero and tx below, `rows` rows each, and an axis. x: where the scale begins.
void put_plots(const Rates& rates, int x, int y, int rows, const State& state, Screen& screen);

std::string process_line(const Model& model, std::string_view name, ProcessId id,
                         const std::optional<std::uint32_t>& uid, const ProcessInfo* info);
std::string command_of(const ProcessInfo* info);

void put_fact(int y, std::string_view name, std::string_view text, Grid& grid, int end = INT32_MAX);

}  // namespace sockscope::tui
