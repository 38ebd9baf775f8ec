// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tui/frame.h"

namespace sockscope::tui {
namespace {

// The lines below the list and its panes, from the last one up. Returns the row after those.
int place_last_lines(int rows, Frame& frame) {
  int end = rows;
  if (rows >= 6) frame.footer = --end;
  if (rows >= 20) {
    frame.detail = --end;
    frame.lower_rule = --end;
    frame.status = --end;
  } else if (rows >= 8) {
    frame.status = --end;
  }
  return end;
}

Frame frame_of_this_host(Size size) {
  Frame frame;
  const int rows = size.rows;
  int y = 1;
  if (rows >= 8) {
    frame.plot = y;
    frame.plot_rows = rows < 12 ? 1 : rows < 20 ? 2 : size.columns >= 120 ? 5 : 9;
    y += frame.plot_rows;
  }
  if (rows >= 20) frame.upper_rule = y++;
  if (rows >= 4) frame.heading = y++;
  frame.first = y;
  int end = place_last_lines(rows, frame);
  if (rows >= 20) {
    frame.pane_rows = rows < 24 ? 2 : std::min((rows - 24) / 3, 8) + 3;
    end -= frame.pane_rows;
    frame.pane = end;
  }
  frame.count = std::max(end - frame.first, 1);
  return frame;
}

}  // namespace

Frame frame_of(View view, Size size) {
  Frame frame;
  const int rows = size.rows;
  if (view == View::kProcess || view == View::kConnection) {
    if (rows >= 6) frame.footer = rows - 1;
    if (rows >= 20) frame.lower_rule = rows - 2;
    frame.heading = rows >= 20 ? 12 : rows >= 8 ? 4 : 1;
    frame.first = frame.heading + 1;
    const int end = rows >= 20 ? frame.lower_rule : rows >= 6 ? frame.footer : rows;
    frame.count = std::max(end - frame.first, 1);
    return frame;
  }
  if (view == View::kThisHost) return frame_of_this_host(size);
  int y = 1;
  const bool is_wide = size.columns >= 160 && rows >= 40;
  const bool has_plots = is_wide && (view == View::kProcesses || view == View::kConnections);
  if (rows >= 20) {
    if (has_plots) {
      frame.upper_rule = y++;
      frame.plot = y;
      frame.plot_rows = kHostPaneRows;
      y += kHostPaneRows;
      frame.pane = 0;
    } else {
      frame.plot = y++;
      frame.plot_rows = 1;
      frame.upper_rule = y;
    }
    ++y;
  } else if (rows >= 12) {
    frame.plot = y++;
    frame.plot_rows = 1;
  }
  if (rows >= 4) frame.heading = y++;
  frame.first = y;
  int end = place_last_lines(rows, frame);
  if (has_plots && view == View::kProcesses) {
    // Below the list: connections of the selected process, and the last events.
    const int room = end - frame.first;
    frame.pane_rows = std::max(room / 2, 12);
    end -= frame.pane_rows;
    frame.pane = end;
  } else {
    frame.pane = -1;
  }
  frame.count = std::max(end - frame.first, 1);
  return frame;
}

}  // namespace sockscope::tui
