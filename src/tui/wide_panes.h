// SPDX-License-Identifier: Apache-2.0
// What wide screens show in addition: plots of the host, connections of a process, the last events.
#pragma once

#include <string>

#include "tui/table_layout.h"

namespace sockscope::tui {

void draw_host_panes(const Model& model, const State& state, const Frame& frame, Screen& screen);
void draw_process_panes(const Model& model, const State& state, const Frame& frame, Screen& screen);

// Two plots with the same scale, rx upwards and tx downwards, of `rows` rows each, from `x` to
// `end`.
struct MirrorPlot {
  int x = 0;
  int end = 0;
  int y = 0;
  int rows = 3;
  bool has_zero = true;  // the scale shows 0
};
void draw_mirror(const Series& rx, const Series& tx, const MirrorPlot& place, const State& state,
                 Screen& screen);

// Draws the newest events of one flow (by cookie), or of all (0), from y to end_row.
void draw_event_lines(const Model& model, const State& state, std::uint64_t cookie, int x, int y,
                      int end_row, int end_column, Screen& screen);

// The length of an interval in a plot of this many points.
std::uint64_t plot_step(const State& state, std::size_t points);

// " · order held 4s"; empty: not held.
std::string held_text(const Model& model, const State& state);

// Per cent of the link's speed in the direction that uses more; empty: not known.
std::optional<double> use_of(const Interface& interface);

}  // namespace sockscope::tui
