// SPDX-License-Identifier: Apache-2.0
// What surrounds all views (header, footer, status), and which rows of the screen it takes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tui/screen.h"

namespace sockscope::tui {

// Row numbers on the screen; -1: there is no room for it.
struct Frame {
  int header = 0;
  int plot = -1;
  int plot_rows = 0;
  int upper_rule = -1;
  int heading = -1;
  int first = 0;  // the first row of the list
  int count = 0;
  int status = -1;
  int lower_rule = -1;
  int detail = -1;
  int footer = -1;
  int pane = -1;  // the first row of the panes below the list, on a wide screen
  int pane_rows = 0;
};

// Height of the plots on a wide screen, with the interfaces beside them.
inline constexpr int kHostPaneRows = 8;

// On smaller screens everything is put into one line.
inline constexpr int kLeastColumns = 20;
inline constexpr int kLeastRows = 3;

// For a view that is a list. On wide screens it has plots of the host above and panes below.
Frame list_frame(Size size, bool may_have_plots, bool may_have_pane);
Frame details_frame(Size size);
// Places the lines below the list and its panes, from the last one upwards. Returns the row after
// the list and its panes.
int place_last_lines(int rows, Frame& frame);
// The pane below the list of processes: how many rows of events, and rows of connections above
// those.
inline int pane_event_rows(const Frame& frame) {
  return frame.pane_rows / 3 > 4 ? frame.pane_rows / 3 : 4;
}
inline int pane_list_rows(const Frame& frame) {
  return frame.pane_rows - pane_event_rows(frame) - 3;
}

void draw_one_line(const Model& model, const State& state, Screen& screen);
void draw_header(const Model& model, const State& state, const Frame& frame, Screen& screen);
// Draws the filter if there is one, otherwise the host's totals.
void draw_plot_line(const Model& model, const State& state, const Frame& frame, Screen& screen);
void draw_status(const State& state, const Frame& frame, std::string_view left, Screen& screen);
void draw_footer(const State& state, const Frame& frame, Screen& screen);
void draw_overlay(const Model& model, const State& state, Screen& screen);

// The first of the texts that fits, else the last.
std::string_view first_that_fits(std::span<const std::string> texts, int columns);
// "184.2 Mb/s"; "—": not counted.
std::string rate_with_unit(std::optional<double> bytes_per_second, Units units);
// The role for a share of segments that were sent again: above 1 in 1,000 it deserves a look, above
// 1 in 100 something is broken. With fewer than kLeastSegments segments it is plain text.
Role share_role(double share, double segments);
// "0.4%", "1.2%!": the sign is for Role::kBroken.
std::string share_text(const std::optional<double>& share, double segments);
// Of the host: the sum over all processes.
inline std::optional<double> rx_of(const Sample& sample) {
  return sample.counted ? std::optional(sample.rx_rate) : std::nullopt;
}
inline std::optional<double> tx_of(const Sample& sample) {
  return sample.counted ? std::optional(sample.tx_rate) : std::nullopt;
}
std::string_view unit_words(Units units);
// "RX/s ▼": the column that the view's list is ordered by.
std::string heading_of_sort(const State& state, const View& view);
// "of nginx 21408  filter: dport:443": what limits the rows that are shown; empty: nothing.
std::string selection_text(const State& state);
// " · +3 opened since": connections that were opened after the moment that is shown; empty: none.
std::string opened_since_text(const Model& model, const State& state);
// The keys that group and fold, as shown in the help.
std::string fold_keys(const State& state);

// "EST cwnd 42": the text of an event in the DETAIL column.
std::string describe(const Event& event);
std::string_view short_event_name(EventKind kind);
// The same in at most `columns` columns if it can be shortened. A burst: "52 retransmits in 408 ms,
// cwnd 5547→411".
std::string describe(const LoggedEvent& logged, int columns);

// The kinds of events that top receives, in the order of the picker.
struct EventKindText {
  EventKind kind;
  std::string_view meaning;
};
std::span<const EventKindText> event_kinds();
// Its bit in State::hidden_events.
constexpr std::uint32_t bit_of(EventKind kind) {
  return 1u << static_cast<unsigned>(kind);
}

}  // namespace sockscope::tui
