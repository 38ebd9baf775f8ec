// SPDX-License-Identifier: Apache-2.0
// Connections: each socket with a peer.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tui/arranger.h"
#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/view.h"
#include "tui/wide_panes.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

constexpr ColumnSpec kColumns[] = {
    {kPid, 7, 88},
    {kComm, 8, 40, 60, 15},
    {kComm, 10, 60, kWide, 16},
    {kComm, 10, kWide, 180},
    {kComm, 10, 180, INT32_MAX, 16},
    {kProto, 4, 61},
    {kLport, 5, 67, 174},
    {kLocal, 21, 174, 180},
    {kLocal, 21, 180, INT32_MAX, 30},
    {kRemote, 10, 0, 40, 46},
    {kRemote, 14, 40, 60, 30},
    {kRemote, 24, 60, 111, 46},
    {kRemote, 21, 111, kWide, 46},
    {kRemote, 24, kWide, INT32_MAX, 74},
    {kState, 4, 60},
    {kReceiveQueue, 5, 100},
    {kSendQueue, 5, 100},
    {kAge, 8, 120},
    {kRate, 8, 20, 40},
    {kRate10s, 6, 111},
    {kRate60s, 6, 111},
    {kRxRate, 7, 40},
    {kTxRate, 6, 40},
    {kRxBytes, 9, 140, kWide},
    {kRxBytes, 9, 204},
    {kTxBytes, 9, 140, kWide},
    {kTxBytes, 9, 204},
    {kRtt, 6, 74},
    {kMinRtt, 6, 150, kWide},
    {kMinRtt, 6, 204},
    {kRttVariation, 5, kWide},
    {kRetransmits, 4, 80},
    {kCwnd, 5, kWide},
    {kMss, 5, kWide},
    {kCongestionControl, 5, kWide, 180},
    {kCongestionControl, 5, 180, INT32_MAX, 10},
    {kNetns, 10, kWide},
};

constexpr Grouping kGroupings[] = {Grouping::kNone, Grouping::kProcess, Grouping::kRemote,
                                   Grouping::kContainer};

constexpr FooterKey kFooter[] = {{Action::kHelp},    {Action::kFilter},   {Action::kSort},
                                 {Action::kDetails}, {Action::kNextView}, {Action::kFreeze},
                                 {Action::kGroup},   {Action::kNames},    {Action::kLoopback}};

std::string_view place_of(const Flow& flow) {
  return flow.owner.process ? place_name(*flow.owner.process) : std::string_view();
}

RowKey group_key(const Flow& flow, Grouping grouping) {
  RowKey key = grouping == Grouping::kProcess     ? RowKey::of(owner_of(flow))
               : grouping == Grouping::kContainer ? RowKey::of_place(place_of(flow))
                                                  : RowKey::of(flow.remote.addr);
  key.is_group = true;
  return key;
}

Sum group_of(const Flow& flow, Grouping grouping) {
  if (grouping == Grouping::kProcess)
    return {.name = std::string(name_of(owner_of(flow), flow.owner.name())), .pid = flow.owner.pid};
  if (grouping == Grouping::kRemote) return {.name = to_string(flow.remote.addr)};
  std::string name = clean_text(place_of(flow));
  return {.name = name.empty() ? "[no unit]" : std::move(name)};
}

// Puts the heads of groups in order, and below each head its members in order, unless it is folded.
void arrange_groups(Arranger& a, const std::vector<std::vector<Keyed>>& members) {
  std::vector<Keyed> heads;
  for (std::size_t i = 0; i < a.listing.sums.size(); ++i) {
    Row row{a.listing.sums[i].key, static_cast<std::uint32_t>(i)};
    row.is_parent = true;
    row.idle = !a.listing.sums[i].lately.moved;
    heads.push_back({sum_key(a.sort, a.listing.sums[i]), row, rate_of(a.listing.sums[i])});
  }
  for (const Row& head : a.sorted(heads)) {
    a.listing.rows.push_back(head);
    if (a.table.collapsed.contains(head.key)) continue;
    const auto rows = a.sorted(members[head.index]);
    a.listing.rows.insert(a.listing.rows.end(), rows.begin(), rows.end());
  }
}

void arrange(Arranger& a) {
  const Grouping grouping = a.state.settings.grouping;
  const bool shows_idle = a.state.settings.idle || has_process_scope(a.state);
  std::vector<std::vector<Keyed>> rows(1);  // one list for each group; one for all without groups
  for (std::size_t i = 0; i < a.sample.flows.size(); ++i) {
    const Flow& flow = a.history.flow(a.sample.flows[i]);
    if (!in_scope(a.state, flow)) continue;
    ++a.listing.candidates;
    if (!a.state.filter.matches(flow) || !a.wanted(flow)) continue;
    ++a.listing.matching;
    const Lately lately = a.lately(flow);
    if (!shows_idle && Arranger::is_idle(flow, lately.moved)) {
      ++a.listing.idle_hidden;
      continue;
    }
    Row row = a.row_of(flow, a.sample.flows[i], lately.moved);
    std::size_t group = 0;
    if (grouping != Grouping::kNone) {
      row.depth = 1;
      group = a.sum_of(group_key(flow, grouping), [&] { return group_of(flow, grouping); });
      rows.resize(a.listing.sums.size());
      // The bytes of a UDP socket's remote end are also counted by the socket, so they count here
      // only when groups are addresses.
      if (flow.peer_of == 0 || grouping == Grouping::kRemote)
        a.add_to(a.listing.sums[group], flow, lately);
    }
    rows[group].push_back({a.key_of(flow, lately), row, rate_of(flow)});
  }
  if (grouping != Grouping::kNone)
    a.add_gone([&](const Flow& flow) {
      const bool counts = flow.peer_of == 0 || grouping == Grouping::kRemote;
      return counts && in_scope(a.state, flow) ? group_key(flow, grouping) : RowKey();
    });
  if (grouping == Grouping::kNone)
    a.listing.rows = a.sorted(rows[0]);
  else
    arrange_groups(a, rows);
  a.add_later([&](const Flow& flow, bool moves) {
    if (!in_scope(a.state, flow) || !a.state.filter.matches(flow) || !a.wanted(flow)) return false;
    // A connection that was shown while it was open stays after its close.
    return shows_idle || flow.closed || !Arranger::is_idle(flow, moves);
  });
}

// The head of a group: its name in the command's column, sums in the columns of rates.
CellText group_cell(const State& state, const Row& row, ColumnId id) {
  const Sum& sum = state.table().listing.sums[row.index];
  const bool by_remote = state.settings.grouping == Grouping::kRemote;
  const std::string fold = state.table().collapsed.contains(row.key) ? "▸" : "▾";
  if (id == kComm) return {fold + (by_remote ? counted(sum.flows, "conn") : sum.name)};
  if (id == kRemote)
    return {by_remote ? sum.name == "0.0.0.0" || sum.name == "::" ? "* (no peer)"
                                                                  : remote_end_name(state, sum)
                      : counted(sum.flows, "connection")};
  return sum_cell(state, sum, id);
}

void draw_detail(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  const Table& table = state.table();
  if (frame.detail < 0 || table.listing.rows.empty() || table.selected.kind != RowKey::Kind::kFlow)
    return;
  const Flow* flow = find_shown_flow(model, state, table.selected.a);
  if (flow != nullptr) screen.grid.put(1, frame.detail, flow_line(model, state, *flow));
}

std::string list_status(const Model& model, const State& state) {
  const Listing& listing = state.table().listing;
  std::string status;
  if (listing.later != 0) {
    status = fmt::format("+{}{} opened since freeze", listing.later,
                         state.opened.is_full() ? " and more" : "");
    if (std::any_of(listing.rows.begin(), listing.rows.end(),
                    [](const Row& row) { return row.mark == 'x'; }))
      status +=
          fmt::format(" · † closed (kept {:g} s)", static_cast<double>(model.keep_closed_ms) / 1e3);
    if (state.size.columns < 100) return status;
    status += " · ";
  }
  const bool is_narrow = state.size.columns < kNarrow;
  status += fmt::format(
      "{} of {}", listing.matching,
      is_narrow ? std::to_string(listing.candidates) : counted(listing.candidates, "conn"));
  if (state.is_frozen() && !state.opened.is_on()) status += opened_since_text(model, state);
  if (listing.loopback_hidden != 0 && listing.idle_hidden != 0)
    status += fmt::format(" · {} loopback ({}), {} idle ({}){}", listing.loopback_hidden,
                          state.keys.key_of(Action::kLoopback), listing.idle_hidden,
                          state.keys.key_of(Action::kIdle), is_narrow ? "" : " hidden");
  else if (listing.loopback_hidden != 0)
    status += fmt::format(" · {} loopback hidden ({})", listing.loopback_hidden,
                          state.keys.key_of(Action::kLoopback));
  else if (listing.idle_hidden != 0)
    status += fmt::format(" · {} idle hidden ({})", listing.idle_hidden,
                          state.keys.key_of(Action::kIdle));
  return status + held_text(model, state);
}

// If the connections of a process are shown below the list, opens the view of that process alone.
bool open_scope(const Model& model, State& state) {
  const Process* process =
      has_pane(state) && state.process.exists() && !model.history.empty()
          ? model.history.find_process(shown_sample(model, state), state.process.process())
          : nullptr;
  if (process == nullptr) return false;
  std::string name = clean_text(name_of(*process));
  if (process->pid != 0) name += fmt::format(" {}", process->pid);
  state.scope = {state.process, std::move(name), state.view};
  state.view = &kConnectionsView;
  state.table().start_over();
  return true;
}

void draw(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  if (frame.plot_rows > 1)
    draw_host_panes(model, state, frame, screen);
  else
    draw_plot_line(model, state, frame, screen);
  draw_list(
      state, frame,
      [&](const Row& row, const PlacedColumn& column) {
        if (row.key.is_group) return group_cell(state, row, column.id());
        CellText cell = flow_cell(model, state, flow_of(model, state, row), column);
        if (row.depth != 0 && column.id() == kComm) cell.text = "  " + cell.text;
        return cell;
      },
      screen);
  draw_status(state, frame, list_status(model, state), screen);
  draw_detail(model, state, frame, screen);
}

}  // namespace

constinit const View kConnectionsView = {
    .name = "connections",
    .key = "2",
    .meaning = "view of connections; on a wide screen of one process",
    .tab = "2 Conns",
    .narrow_tab = "2C",
    .columns = kColumns,
    .order = [](Size size) { return size.columns < 40 ? kRate : kRxRate; },
    .grouping = &Settings::grouping,
    .groupings = kGroupings,
    .has_tcp_columns = true,
    .footer = kFooter,
    .help = [](const State& state) -> HelpLines {
      return {{"Connections: each socket with a peer, busiest first.", ""},
              {"+ †", "new within 2 s or since a freeze, closed (--keep-closed)"},
              {"10s 60s", "averages, both directions together; —: not known yet"},
              {"RTTms", "smoothed round trip; yellow above 3 times its own least"},
              {"RETR !", "segments sent again; ! if over 1 % of 100 or more"},
              {fold_keys(state), "group by process, remote end, container; fold"}};
    },
    .frame = [](Size size) { return list_frame(size, true, false); },
    .arrange = arrange,
    .draw = draw,
    .open = open_scope,
};

}  // namespace sockscope::tui
