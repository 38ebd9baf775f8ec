// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/wide_panes.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

constexpr ColumnSpec kColumns[] = {
    {kPid, 7, 90},
    {kComm, 8, 40, 60, 15},
    {kComm, 10, 60, kWide, 16},
    {kComm, 10, kWide, 180},
    {kComm, 10, 180, INT32_MAX, 16},
    {kProto, 4, 61},
    {kLport, 5, 67, 114},
    {kLocal, 21, 114, kWide, 30},
    {kLocal, 21, kWide, 180},
    {kLocal, 21, 180, INT32_MAX, 30},
    {kRemote, 10, 0, 40, 46},
    {kRemote, 14, 40, 60, 30},
    {kRemote, 24, 60, kWide, 46},
    {kRemote, 24, kWide, INT32_MAX, 74},
    {kState, 4, 60},
    {kAge, 8, 97},
    {kRate, 8, 20, 40},
    {kRxRate, 7, 40},
    {kTxRate, 6, 40},
    {kRxBytes, 9, 140, 160},
    {kRxBytes, 9, 200},
    {kTxBytes, 9, 140, 160},
    {kTxBytes, 9, 200},
    {kRtt, 6, 74},
    {kMinRtt, 6, 150, 160},
    {kMinRtt, 6, 200},
    {kRttVariation, 5, kWide},
    {kRetransmits, 4, 80},
    {kCwnd, 5, kWide},
    {kMss, 5, kWide},
    {kSendQueue, 5, kWide},
    {kCongestionControl, 5, kWide, 180},
    {kCongestionControl, 5, 180, INT32_MAX, 10},
    {kNetns, 10, 160},
};

constexpr ColumnSpec kHostColumns[] = {
    {kRemote, 10, 0, 40, 40},
    {kRemote, 16, 40, 60, 40},
    {kRemote, 24, 60, INT32_MAX, 50},
    {kConns, 5, 60},
    {kProcs, 5, 66},
    {kRate, 8, 20, 40},
    {kRxRate, 8, 40},
    {kTxRate, 8, 40},
    {kMeanRtt, 7, 60},
    {kRetransmits, 5, 78},
    {kRxBytes, 9, 100},
    {kTxBytes, 9, 100},
};

// Of a remote end.
const std::string& shown_name(const State& state, const Sum& sum) {
  return state.settings.names && !sum.remote_name.empty() ? sum.remote_name : sum.name;
}

// A head of a group: its name where the command is, sums where rates are.
CellText group_cell(const State& state, const Row& row, ColumnId id) {
  const Sum& sum = state.table().listing.sums[row.index];
  const bool by_remote = state.settings.grouping == Grouping::kRemote;
  const std::string fold = state.table().collapsed.contains(row.key) ? "▸" : "▾";
  if (id == kComm) return {fold + (by_remote ? fmt::format("{} conns", sum.flows) : sum.name)};
  if (id == kRemote)
    return {by_remote ? sum.name == "0.0.0.0" || sum.name == "::" ? "* (no peer)"
                                                                        : shown_name(state, sum)
                      : fmt::format("{} connection{}", sum.flows, sum.flows == 1 ? "" : "s")};
  return sum_cell(state, sum, id);
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
              if (row.key.is_group) return group_cell(state, row, column.id());
              CellText cell = flow_cell(model, state, flow_of(model, state, row), column);
              if (row.depth != 0 && column.id() == kComm) cell.text = "  " + cell.text;
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
              if (column.id() == kRemote) return {shown_name(state, sum)};
              return sum_cell(state, sum, column.id());
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
