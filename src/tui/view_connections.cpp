// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/wide_panes.h"

namespace sockscope::tui {
namespace {

constexpr ColumnSpec kColumns[] = {
    {"pid", "PID", 7, false, 90},
    {"comm", "COMMAND", 8, true, 40, 60, 15},
    {"comm", "COMMAND", 10, true, 60, kWide, 16},
    {"comm", "COMMAND", 10, true, kWide, 180},
    {"comm", "COMMAND", 10, true, 180, INT32_MAX, 16},
    {"proto", "PROT", 4, true, 61},
    {"lport", "LPORT", 5, false, 67, 114},
    {"local", "LOCAL", 21, true, 114, kWide, 30},
    {"local", "LOCAL", 21, true, kWide, 180},
    {"local", "LOCAL", 21, true, 180, INT32_MAX, 30},
    {"remote", "REMOTE", 10, true, 0, 40, 46},
    {"remote", "REMOTE", 14, true, 40, 60, 30},
    {"remote", "REMOTE", 24, true, 60, kWide, 46},
    {"remote", "REMOTE", 24, true, kWide, INT32_MAX, 74},
    {"state", "ST", 4, true, 60},
    {"age", "AGE", 8, false, 97},
    {"rate", "RX+TX", 8, false, 20, 40},
    {"rx_rate", "↓RX/s", 7, false, 40},
    {"tx_rate", "↑TX/s", 6, false, 40},
    {"rx_bytes", "RX TOTAL", 9, false, 140, 160},
    {"rx_bytes", "RX TOTAL", 9, false, 200},
    {"tx_bytes", "TX TOTAL", 9, false, 140, 160},
    {"tx_bytes", "TX TOTAL", 9, false, 200},
    {"rtt", "RTTms", 6, false, 74},
    {"min_rtt", "MINms", 6, false, 150, 160},
    {"min_rtt", "MINms", 6, false, 200},
    {"rtt_var", "±var", 5, false, kWide, INT32_MAX, 0, false},
    {"retransmits", "RETR", 4, false, 80},
    {"cwnd", "CWND", 5, false, kWide, INT32_MAX, 0, false},
    {"mss", "MSS", 5, false, kWide, INT32_MAX, 0, false},
    {"sendq", "SENDQ", 5, false, kWide, INT32_MAX, 0, false},
    {"cc", "CC", 5, true, kWide, 180, 0, false},
    {"cc", "CC", 5, true, 180, INT32_MAX, 10, false},
    {"netns", "NETNS", 10, false, 160},
};

constexpr ColumnSpec kHostColumns[] = {
    {"remote", "REMOTE", 10, true, 0, 40, 40},
    {"remote", "REMOTE", 16, true, 40, 60, 40},
    {"remote", "REMOTE", 24, true, 60, INT32_MAX, 50},
    {"conns", "CONNS", 5, false, 60},
    {"procs", "PROCS", 5, false, 66},
    {"rate", "RX+TX", 8, false, 20, 40},
    {"rx_rate", "↓RX/s", 8, false, 40},
    {"tx_rate", "↑TX/s", 8, false, 40},
    {"rtt", "RTT ms", 7, false, 60},
    {"retransmits", "RETR", 5, false, 78},
    {"rx_bytes", "RX TOTAL", 9, false, 100},
    {"tx_bytes", "TX TOTAL", 9, false, 100},
};

// Of a remote end.
const std::string& shown_name(const State& state, const Sum& sum) {
  return state.settings.names && !sum.remote_name.empty() ? sum.remote_name : sum.name;
}

// A head of a group: its name where the command is, sums where rates are.
CellText group_cell(const Model& model, const State& state, const Row& row,
                    const PlacedColumn& column) {
  const Sum& sum = state.table().listing.sums[row.index];
  const bool by_remote = state.settings.grouping == Grouping::kRemote;
  const std::string fold = state.table().collapsed.contains(row.key) ? "▸" : "▾";
  const std::string_view name = column.spec->name;
  if (name == "comm") return {fold + (by_remote ? fmt::format("{} conns", sum.flows) : sum.name)};
  if (name == "remote")
    return {by_remote ? sum.name == "0.0.0.0" || sum.name == "::" ? "* (no peer)"
                                                                        : shown_name(state, sum)
                      : fmt::format("{} connection{}", sum.flows, sum.flows == 1 ? "" : "s")};
  return sum_cell(model, state, sum, column);
}

void draw_detail(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  const Table& table = state.table();
  if (frame.detail < 0 || table.listing.rows.empty() ||
      table.selected.kind != RowKey::Kind::kFlow)
    return;
  const Flow* flow = find_shown_flow(model, state, table.selected.a);
  if (flow != nullptr) screen.grid.put(1, frame.detail, flow_line(model, state, *flow));
}

// Connections that were opened after the moment that is shown.
std::size_t opened_since(const Model& model, const State& state) {
  std::size_t count = 0;
  const auto& log = model.events.all();
  for (std::size_t i = log.size(); i-- > 0 && log[i].number > state.frozen_event;) {
    const Event& event = log[i].event;
    const bool opened = event.kind == EventKind::kConnect || event.kind == EventKind::kAccept;
    if (opened && (state.settings.loopback || !is_loopback(event.flow)) &&
        state.filter.matches(event.flow))
      ++count;
  }
  return count;
}

std::string list_status(const Model& model, const State& state, std::string_view what) {
  const Listing& listing = state.table().listing;
  std::string status;
  if (listing.later != 0) {
    status = fmt::format("+{}{} opened since freeze", listing.later,
                         state.opened.is_full() ? " and more" : "");
    if (std::any_of(listing.rows.begin(), listing.rows.end(),
                    [](const Row& row) { return row.mark == 'x'; }))
      status += fmt::format(" · † closed (kept {:g} s)",
                            static_cast<double>(model.keep_closed_ms) / 1e3);
    if (state.size.columns < 100) return status;
    status += " · ";
  }
  status += fmt::format("{} of {} {}", listing.matching, listing.candidates, what);
  if (state.is_frozen() && !state.opened.is_on()) {
    if (const std::size_t opened = opened_since(model, state); opened != 0)
      status += fmt::format(" · +{} opened since", opened);
  }
  if (listing.loopback_hidden != 0 && listing.idle_hidden != 0)
    status += fmt::format(" · {} loopback ({}), {} idle ({}) hidden", listing.loopback_hidden,
                          state.keys.key_of(Action::kLoopback), listing.idle_hidden,
                          state.keys.key_of(Action::kIdle));
  else if (listing.loopback_hidden != 0)
    status += fmt::format(" · {} loopback hidden ({})", listing.loopback_hidden,
                          state.keys.key_of(Action::kLoopback));
  else if (listing.idle_hidden != 0)
    status += fmt::format(" · {} idle hidden ({})", listing.idle_hidden,
                          state.keys.key_of(Action::kIdle));
  if (const std::string held = held_text(model, state); !held.empty()) status += " · " + held;
  return status;
}

}  // namespace

std::span<const ColumnSpec> flow_columns() { return kColumns; }
std::span<const ColumnSpec> host_columns() { return kHostColumns; }

void draw_connections(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  if (frame.plot_rows > 1)
    draw_host_panes(model, state, frame, screen);
  else
    draw_plot_line(model, state, frame, screen);
  draw_list(state, frame, kColumns,
            [&](const Row& row, const PlacedColumn& column) {
              if (row.key.is_group) return group_cell(model, state, row, column);
              CellText cell = flow_cell(model, state, flow_of(model, state, row), column);
              if (row.depth != 0 && column.spec->name == "comm") cell.text = "  " + cell.text;
              return cell;
            },
            screen);
  draw_status(state, frame, list_status(model, state, "conns"), screen);
  draw_detail(model, state, frame, screen);
}

void draw_hosts(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  draw_plot_line(model, state, frame, screen);
  const Listing& listing = state.table().listing;
  draw_list(state, frame, kHostColumns,
            [&](const Row& row, const PlacedColumn& column) -> CellText {
              const Sum& sum = listing.sums[row.index];
              if (column.spec->name == "remote") return {shown_name(state, sum)};
              return sum_cell(model, state, sum, column);
            },
            screen);
  std::string status = fmt::format("{} remote ends", listing.rows.size());
  if (state.is_frozen()) {
    if (const std::size_t opened = opened_since(model, state); opened != 0)
      status += fmt::format(" · +{} opened since", opened);
  }
  if (listing.loopback_hidden != 0)
    status += fmt::format(" · {} loopback connections hidden ({})", listing.loopback_hidden,
                          state.keys.key_of(Action::kLoopback));
  if (const std::string held = held_text(model, state); !held.empty()) status += " · " + held;
  draw_status(state, frame, status, screen);
  if (frame.detail < 0 || state.table().position >= listing.rows.size()) return;
  const Sum& sum = listing.sums[listing.rows[state.table().position].index];
  std::string users;
  for (const ProcessId& id : sum.processes) {
    const Process* process = model.history.find_process(shown_sample(model, state), id);
    if (process != nullptr) users += fmt::format("  {} {}", process->name(), process->pid);
  }
  const std::string name = sum.remote_name.empty() ? "" : "  " + sum.remote_name;
  screen.grid.put(1, frame.detail, fmt::format("{}{}{}", sum.name, name, users));
}

}  // namespace sockscope::tui
