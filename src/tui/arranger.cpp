// SPDX-License-Identifier: Apache-2.0
#include "tui/arranger.h"

#include <algorithm>

#include "tui/flow_cells.h"
#include "tui/rows.h"

namespace sockscope::tui {

bool is_rate(ColumnId column) {
  return info_of(column).kind == ValueKind::kRate;
}

SortKey rate_key(ColumnId column, const Smoothed& rate) {
  if (column == ColumnId::kRxRate) return rate.rx;
  if (column == ColumnId::kTxRate) return rate.tx;
  return rate.rx + rate.tx;
}

SortKey sum_key(ColumnId column, const Sum& sum) {
  if (is_rate(column)) return rate_key(column, sum.smoothed);
  const auto value = sum_value(column, sum);
  return value ? value_key(info_of(column).kind, *value, {}) : SortKey();
}

Arranger::Arranger(const Model& model_shown, const State& state_shown, const View& view, bool keep)
    : model(model_shown),
      state(state_shown),
      table(state.table_of(view)),
      history(model.history),
      index(shown_index(model, state)),
      sample(history[index]),
      sort(sort_of(state, view)),
      keep_(keep) {
  cells.now_ns = sample.mono_ns;
  cells.user_name = model.user_name;
  if (!keep) return;
  const auto& rows = table.listing.rows;
  for (std::size_t i = 0; i < rows.size(); ++i)
    old_places_[rows[i].key.a ^ rows[i].key.b].emplace_back(rows[i].key, i);
}

std::size_t Arranger::old_place(const RowKey& key) const {
  const auto found = old_places_.find(key.a ^ key.b);
  if (found == old_places_.end()) return SIZE_MAX;
  for (const auto& [known, place] : found->second)
    if (known == key) return place;
  return SIZE_MAX;
}

std::vector<Row> Arranger::sorted(const std::vector<Keyed>& rows) const {
  std::vector<std::pair<std::size_t, std::size_t>> places;  // old place, index
  places.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    places.emplace_back(keep_ ? old_place(rows[i].row.key) : 0, i);
  std::sort(places.begin(), places.end(), [&](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    const Keyed& one = rows[a.second];
    const Keyed& other = rows[b.second];
    if (one.key == other.key) return one.row.key < other.row.key;
    return comes_before(one.key, other.key, table.reverse);
  });
  std::vector<Row> out;
  out.reserve(rows.size());
  for (const auto& [place, at] : places) out.push_back(rows[at].row);
  return out;
}

bool Arranger::wanted(const Flow& flow) {
  if (!state.settings.closed && flow.closed) return false;
  if (!state.settings.loopback && is_loopback(flow) && !has_process_scope(state)) {
    ++listing.loopback_hidden;
    return false;
  }
  return true;
}

bool Arranger::is_idle(const Flow& flow, const Smoothed& rate) {
  if (moves(rate)) return false;
  return flow.direction == Direction::kListen || flow.remote.addr.is_unspecified() ||
         flow.state == TcpState::kTimeWait;
}

Row Arranger::row_of(const Flow& flow, std::uint32_t flow_index, const Smoothed& rate) const {
  Row row{RowKey::of(flow), flow_index};
  const bool is_new = flow.opened_ns != 0 && flow.opened_ns + kNew > sample.mono_ns &&
                      flow.protocol == Protocol::kTcp && flow.direction != Direction::kListen;
  row.mark = flow.closed ? 'x' : is_new ? '+' : ' ';
  row.idle = flow.rx_rate && !moves(rate);
  return row;
}

void Arranger::add_to(Sum& sum, const Flow& flow, const Smoothed& rate) const {
  if (!flow.closed) ++sum.flows;
  if (flow.owner.pid != 0) sum.processes.insert(owner_of(flow));
  sum.rx_rate += flow.rx_rate.value_or(0);
  sum.tx_rate += flow.tx_rate.value_or(0);
  sum.smoothed.rx += rate.rx;
  sum.smoothed.tx += rate.tx;
  const Volume volume = volume_of(state, flow);
  sum.rx_bytes += volume.rx;
  sum.tx_bytes += volume.tx;
  if (flow.remote_name && sum.remote_name.empty())
    sum.remote_name = clean_text(flow.remote_name->name);
  sum.retransmits += flow.counters.retransmits;
  if (flow.counters.srtt_us != 0 && !flow.closed) {
    sum.srtt_sum_us += flow.counters.srtt_us;
    ++sum.srtt_count;
  }
}

}  // namespace sockscope::tui
