// SPDX-License-Identifier: Apache-2.0
// What wide screens show besides: plots of the host, connections of a process, the last events.
#pragma once

#include <string>

#include "tui/table_layout.h"

namespace sockscope::tui {

void draw_host_panes(const Model& model, const State& state, const Frame& frame, Screen& screen);
void draw_process_panes(const Model& model, const State& state, const Frame& frame, Screen& screen);

// Two plots of one scale, rx up and tx down, of `rows` rows each, from `x` to `end`.
struct MirrorPlot {
  int x = 0;
  int end = 0;
  int y = 0;
  int rows = 3;
  bool has_zero = true;  // in the scale
};
void draw_mirror(const Series& rx, const Series& tx, const MirrorPlot& place, const State& state,
                 Screen& screen);

// The newest events of one flow (cookie) or all (0), from y to end.
void draw_event_lines(const Model& model, const State& state, std::uint64_t cookie, int x, int y,
                      int end_row, int end_column, Screen& screen);

// The length of the intervals of a plot of so many points.
std::uint64_t plot_step(const State& state, std::size_t points);

// " · order held 4s"; empty: it is not.
std::string held_text(const Model& model, const State& state);

// Percent of the link's speed, of the direction that uses more; empty: not known.
std::optional<double> use_of(const Interface& interface);

}  // namespace sockscope::tui
