// SPDX-License-Identifier: Apache-2.0
#include "tui/arranger.h"

#include <algorithm>

#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/view.h"

namespace sockscope::tui {

SortKey sum_key(ColumnId column, const Sum& sum) {
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
      keep_(keep),
      wants_means_(
          std::any_of(view.columns.begin(), view.columns.end(), [&](const ColumnSpec& column) {
            return mean_span(column.id) &&
                   (column.id == sort || column.is_shown(state.size.columns));
          })) {
  cells.now_ns = sample.mono_ns;
  cells.user_name = model.user_name;
  if (!keep) return;
  const auto& rows = table.listing.rows;
  for (std::size_t i = 0; i < rows.size(); ++i)
    old_places_[rows[i].key.a ^ rows[i].key.b].emplace_back(rows[i].key, i);
}

SortKey Arranger::key_of_mean(const Lately& lately) const {
  const auto& mean = sort == ColumnId::kRate10s ? lately.rate_10s : lately.rate_60s;
  return mean ? SortKey(*mean) : SortKey();
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
    if (one.key == other.key)
      return one.rate != other.rate ? one.rate > other.rate : one.row.key < other.row.key;
    return comes_before(one.key, other.key, table.reverse);
  });
  std::vector<Row> out;
  out.reserve(rows.size());
  for (const auto& [place, at] : places) out.push_back(rows[at].row);
  return out;
}

bool Arranger::hides_loopback(const Flow& flow) const {
  return !state.settings.loopback && is_loopback(flow) && !has_process_scope(state);
}

bool Arranger::wanted(const Flow& flow) {
  if (!state.settings.closed && flow.closed) return false;
  if (!hides_loopback(flow)) return true;
  ++listing.loopback_hidden;
  return false;
}

bool Arranger::is_idle(const Flow& flow, bool moved) {
  if (moved) return false;
  return flow.direction == Direction::kListen || flow.remote.addr.is_unspecified() ||
         flow.state == TcpState::kTimeWait;
}

Row Arranger::row_of(const Flow& flow, std::uint32_t flow_index, bool moved) const {
  Row row{RowKey::of(flow), flow_index};
  const bool is_new = flow.opened_ns != 0 && flow.opened_ns + kNew > sample.mono_ns &&
                      flow.protocol == Protocol::kTcp && flow.direction != Direction::kListen;
  row.mark = flow.closed ? 'x' : is_new ? '+' : ' ';
  row.idle = flow.rx_rate && !moved;
  return row;
}

void Arranger::add_to(Sum& sum, const Flow& flow, const Lately& lately) const {
  if (!flow.closed) ++sum.flows;
  if (flow.owner.pid != 0) sum.processes.insert(owner_of(flow));
  sum.rx_rate += flow.rx_rate.value_or(0);
  sum.tx_rate += flow.tx_rate.value_or(0);
  sum.lately.add(lately);
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
