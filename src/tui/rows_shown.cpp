// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "tui/frame.h"
#include "tui/rows.h"

namespace sockscope::tui {

RowKey RowKey::of(const Address& address) {
  RowKey key{Kind::kHost};
  std::memcpy(&key.a, address.bytes.data(), 8);
  std::memcpy(&key.b, address.bytes.data() + 8, 8);
  key.c = std::uint64_t{std::hash<std::string_view>{}(address.zone.name())} << 3 | address.family;
  return key;
}

bool RowOrder::keeps_places(std::uint64_t now_ns) {
  // Frames between two samples have nothing new to put in order.
  const bool is_held = now_ns < held_until_ns_ || now_ns < ordered_ns_ + kSecond * 9 / 10;
  if (is_held && !is_stale_) return true;
  ordered_ns_ = now_ns;
  is_stale_ = false;
  return false;
}

Grouping grouping_of(const State& state) {
  switch (state.view) {
    case View::kProcesses:
      return state.settings.process_grouping;
    case View::kConnections:
      return state.settings.grouping;
    default:
      return Grouping::kNone;
  }
}

ColumnId default_sort(View view, Size size) {
  const bool has_total = view == View::kProcesses && size.columns >= 100;
  return has_total                 ? ColumnId::kRate
         : view == View::kEvents   ? ColumnId::kNone
         : view == View::kThisHost ? ColumnId::kInterface
                                   : ColumnId::kRxRate;
}

std::optional<std::uint64_t> age_us(const Model& model, const State& state, const Flow& flow) {
  const std::uint64_t end = flow.closed ? flow.closed_ns : moment_of(model, state, flow);
  if (flow.opened_ns == 0 || end <= flow.opened_ns) return std::nullopt;
  return (end - flow.opened_ns) / 1000;
}

bool in_scope(const State& state, const Flow& flow) {
  switch (state.scope.kind) {
    case RowKey::Kind::kProcess:
      return RowKey::of(owner_of(flow)) == state.scope;
    case RowKey::Kind::kHost:
      return RowKey::of(flow.remote.addr) == state.scope;
    default:
      return true;
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

bool has_pane(const State& state) {
  return state.view == View::kProcesses && frame_of(state.view, state.size).pane >= 0;
}

}  // namespace sockscope::tui
