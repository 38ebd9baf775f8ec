// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tui/frame.h"

namespace sockscope::tui {

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

Frame details_frame(Size size) {
  Frame frame;
  const int rows = size.rows;
  if (rows >= 6) frame.footer = rows - 1;
  if (rows >= 20) frame.lower_rule = rows - 2;
  frame.heading = rows >= 20 ? 12 : rows >= 8 ? 4 : 1;
  frame.first = frame.heading + 1;
  const int end = rows >= 20 ? frame.lower_rule : rows >= 6 ? frame.footer : rows;
  frame.count = std::max(end - frame.first, 1);
  return frame;
}

Frame list_frame(Size size, bool may_have_plots, bool may_have_pane) {
  Frame frame;
  const int rows = size.rows;
  int y = 1;
  const bool has_plots = may_have_plots && size.columns >= 160 && rows >= 40;
  if (rows >= 20) {
    if (has_plots) {
      frame.upper_rule = y++;
      frame.plot = y;
      frame.plot_rows = kHostPaneRows;
      y += kHostPaneRows;
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
  if (has_plots && may_have_pane) {
    const int room = end - frame.first;
    frame.pane_rows = std::max(room / 2, 12);
    end -= frame.pane_rows;
    frame.pane = end;
  }
  frame.count = std::max(end - frame.first, 1);
  return frame;
}

}  // namespace sockscope::tui
