// SPDX-License-Identifier: Apache-2.0
#include "tui/rows.h"

#include <algorithm>
#include <cstring>

#include "tui/arranger.h"
#include "tui/view.h"

namespace sockscope::tui {
namespace {

void place_cursor(State& state, const View& view, std::size_t visible) {
  Table& table = state.table_of(view);
  const auto& rows = table.listing.rows;
  const bool follows = view.follows_newest && state.follow_events && !state.is_frozen();
  if (rows.empty()) {
    table.position = table.top = 0;
    return;
  }
  if (!table.touched || !table.selected.exists() || follows) {
    table.position = 0;
  } else {
    const auto found = std::find_if(rows.begin(), rows.end(),
                                    [&](const Row& row) { return row.key == table.selected; });
    table.position = found != rows.end() ? static_cast<std::size_t>(found - rows.begin())
                                         : std::min(table.position, rows.size() - 1);
  }
  table.selected = rows[table.position].key;
  visible = std::max<std::size_t>(visible, 1);
  if (table.position < table.top) table.top = table.position;
  if (table.position >= table.top + visible) table.top = table.position - visible + 1;
  table.top = std::min(table.top, rows.size() - std::min(rows.size(), visible));
}

void arrange_list(const Model& model, State& state, const View& view, std::size_t visible,
                  std::uint64_t now_ns) {
  Table& table = state.table_of(view);
  Arranger arranger(model, state, view,
                    table.order.keeps_places(now_ns, shown_sample(model, state).mono_ns));
  view.arrange(arranger);
  table.listing = std::move(arranger.listing);
  place_cursor(state, view, visible);
}

void arrange_pane(const Model& model, State& state, const View& pane, std::uint64_t now_ns) {
  const RowKey selected = state.table().selected;
  const bool is_process = selected.kind == RowKey::Kind::kProcess && !selected.is_group;
  if (const RowKey process = is_process ? selected : RowKey{}; process != state.process) {
    state.process = process;
    state.table_of(pane).start_over();
  }
  const Frame frame = state.view->frame(state.size);
  arrange_list(model, state, pane, static_cast<std::size_t>(pane_list_rows(frame)), now_ns);
}

}  // namespace

void arrange(const Model& model, State& state, std::size_t visible, std::uint64_t now_ns) {
  if (model.history.empty()) return;
  state.opened.look(model.history,
                    [&state](const Flow& flow) { return state.filter.matches(flow); });
  if (state.view->arrange == nullptr) return;
  arrange_list(model, state, *state.view, visible, now_ns);
  if (has_pane(state)) arrange_pane(model, state, *state.view->pane, now_ns);
}

RowKey RowKey::of(const Address& address) {
  RowKey key{Kind::kHost};
  std::memcpy(&key.a, address.bytes.data(), 8);
  std::memcpy(&key.b, address.bytes.data() + 8, 8);
  key.c = std::uint64_t{std::hash<std::string_view>{}(address.zone.name())} << 3 | address.family;
  return key;
}

bool RowOrder::keeps_places(std::uint64_t now_ns, std::uint64_t sample_ns) {
  const std::uint64_t passed = sample_ns > ordered_sample_ns_ ? sample_ns - ordered_sample_ns_
                                                              : ordered_sample_ns_ - sample_ns;
  // Samples may come faster than anybody reads.
  const bool is_held = now_ns < held_until_ns_ || passed < kSecond * 9 / 10;
  if (is_held && !is_stale_) return true;
  ordered_ns_ = now_ns;
  ordered_sample_ns_ = sample_ns;
  is_stale_ = false;
  return false;
}

Grouping grouping_of(const State& state) {
  return state.view->grouping == nullptr ? Grouping::kNone : state.settings.*state.view->grouping;
}

ColumnId sort_of(const State& state, const View& view) {
  const ColumnId chosen = state.table_of(view).sort;
  if (chosen != ColumnId::kNone || view.order == nullptr) return chosen;
  return view.order(state.size);
}

std::optional<std::uint64_t> age_us(const Model& model, const State& state, const Flow& flow) {
  const std::uint64_t end = flow.closed ? flow.closed_ns : moment_of(model, state, flow);
  if (flow.opened_ns == 0 || end <= flow.opened_ns) return std::nullopt;
  return (end - flow.opened_ns) / 1000;
}

bool in_scope(const State& state, const Flow& flow) {
  switch (state.scope.of.kind) {
    case RowKey::Kind::kProcess: return RowKey::of(owner_of(flow)) == state.scope.of;
    case RowKey::Kind::kHost: return RowKey::of(flow.remote.addr) == state.scope.of;
    default: return true;
  }
}

bool is_loopback(const Flow& flow) {
  return flow.local.addr.is_loopback() || flow.remote.addr.is_loopback();
}

std::size_t shown_index(const Model& model, const State& state) {
  return state.is_frozen() ? model.history.index_of(state.frozen_sample) : model.history.size() - 1;
}

const Sample& shown_sample(const Model& model, const State& state) {
  return model.history[shown_index(model, state)];
}

FlowTotals shown_totals(const Model& model, const State& state) {
  const Sample& sample = shown_sample(model, state);
  if (state.filter.matches_all() && !state.scope.exists()) {
    FlowTotals totals;
    totals.open = sample.open_flows;
    if (sample.counted) {
      totals.rx_rate = sample.rx_rate;
      totals.tx_rate = sample.tx_rate;
    }
    return totals;
  }
  FlowSum sum;
  for (const std::uint32_t index : sample.flows)
    if (const Flow& flow = model.history.flow(index);
        in_scope(state, flow) && state.filter.matches(flow))
      sum.add(flow);
  return sum.totals(sample.is_counting && sample.interval_s);
}

Flow flow_of(const Alert& alert) {
  Flow flow;
  flow.owner = alert.owner;
  flow.remote = alert.peer;
  return flow;
}

const Flow& flow_of(const Model& model, const State& state, const Row& row) {
  return row.is_later ? state.opened.flows()[row.index] : model.history.flow(row.index);
}

const Flow* find_shown_flow(const Model& model, const State& state, std::uint64_t cookie) {
  const Flow* flow = model.history.find_flow(shown_sample(model, state), cookie);
  return flow != nullptr ? flow : state.opened.find(cookie);
}

std::uint64_t moment_of(const Model& model, const State& state, const Flow& flow) {
  const std::uint64_t shown = shown_sample(model, state).mono_ns;
  return flow.opened_ns > shown ? model.history.newest().mono_ns : shown;
}

std::optional<std::size_t> reading_index(const Model& model, const State& state) {
  if (model.history.empty()) return std::nullopt;
  return model.host_readings.index_at(shown_sample(model, state).number);
}

bool View::answers(Action action) const {
  if (action == Action::kGroup) return grouping != nullptr;
  if (action == Action::kColumns) return has_tcp_columns;
  return std::any_of(footer.begin(), footer.end(),
                     [&](const FooterKey& own) { return own.action == action; });
}

bool shows_tcp_internals(const State& state, const View& view) {
  const auto columns = place_columns(state, view);
  return std::any_of(columns.begin(), columns.end(), [](const PlacedColumn& column) {
    return column.spec->info().needs == Needs::kTcpInternals;
  });
}

bool has_pane(const State& state) {
  return state.view->pane != nullptr && state.view->frame(state.size).pane >= 0;
}

const View& focused_view(const State& state) {
  return state.in_pane && has_pane(state) ? *state.view->pane : *state.view;
}

}  // namespace sockscope::tui
