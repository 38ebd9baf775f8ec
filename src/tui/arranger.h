// SPDX-License-Identifier: Apache-2.0
// What the views use to make their listings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tui/flow_cells.h"
#include "tui/model.h"
#include "tui/state.h"
#include "view/columns.h"

namespace sockscope::tui {

// The key that orders a row. Of equal rows the one with the higher rate comes first.
struct Keyed {
  SortKey key;
  Row row;
  double rate = 0;
};

// Bytes per second in both directions.
template <class Each>
double rate_of(const Each& row) {
  return row.rx_rate.value_or(0) + row.tx_rate.value_or(0);
}
inline double rate_of(const Sum& sum) {
  return sum.rx_rate + sum.tx_rate;
}

SortKey sum_key(ColumnId column, const Sum& sum);

// Makes one list from the sample on the screen; a view fills `listing`.
class Arranger {
 public:
  static constexpr std::uint64_t kNew = 2'000'000'000;  // how long a row is marked as new

  // `keep`: rows stay in their places, and new ones come last.
  Arranger(const Model& model, const State& state, const View& view, bool keep);

  // The rows in order; rows that keep their places come first.
  std::vector<Row> sorted(const std::vector<Keyed>& rows) const;

  // For a connection or a process.
  template <class Each>
  SortKey key_of(const Each& row, const Lately& lately) const {
    if (mean_span(sort)) return key_of_mean(lately);
    if (sort == ColumnId::kRxBytes) return static_cast<double>(volume_of(state, row).rx);
    if (sort == ColumnId::kTxBytes) return static_cast<double>(volume_of(state, row).tx);
    const auto* column = find_column<Each>(sort);
    return column != nullptr ? sort_key(*column, row, cells) : SortKey();
  }

  // For a connection or a process of the sample.
  bool wants_means() const { return wants_means_; }
  template <class Each>
  Lately lately(const Each& row) const {
    Lately out;
    out.moved = history.moved_lately(index, id_of(row), model.keep_closed_ms * 1'000'000);
    if (!wants_means_) return out;
    out.rate_10s = history.mean_rate(index, id_of(row), *mean_span(ColumnId::kRate10s));
    out.rate_60s = history.mean_rate(index, id_of(row), *mean_span(ColumnId::kRate60s));
    return out;
  }

  // For connections: whether this one is shown, given the settings for closed ones and loopback.
  // Counts the hidden ones.
  bool wanted(const Flow& flow);
  // True for listening sockets, and for silent sockets without a peer.
  static bool is_idle(const Flow& flow, bool moved);
  Row row_of(const Flow& flow, std::uint32_t index, bool moved) const;
  // Adds connections opened after the moment that is shown, below all others, so that none of those
  // moves.
  template <class Wanted>
  void add_later(Wanted wanted_later) {
    const auto& flows = state.opened.flows();
    for (std::size_t i = 0; i < flows.size(); ++i) {
      const Flow& flow = flows[i];
      if (!wanted_later(flow, rate_of(flow) > 0)) continue;
      Row row{RowKey::of(flow), static_cast<std::uint32_t>(i)};
      row.is_later = true;
      row.mark = flow.closed ? 'x' : '+';
      listing.rows.push_back(row);
      ++listing.later;
    }
  }

  // For groups and remote ends: the place of the sum with that key; `start` makes it where there is
  // none.
  template <class Start>
  std::size_t sum_of(const RowKey& key, Start start) {
    const auto [place, is_new] = sum_places_.try_emplace(key, listing.sums.size());
    if (is_new) {
      Sum sum = start();
      sum.key = key;
      listing.sums.push_back(std::move(sum));
    }
    return place->second;
  }
  void add_to(Sum& sum, const Flow& flow, const Lately& lately) const;
  // Adds the bytes of connections that are no longer in the sample to the averages of the sums.
  // Does not make new sums. `key_of`: the key of the sum for a connection.
  template <class KeyOf>
  void add_gone(KeyOf key_of) {
    if (!wants_means_) return;
    const auto add = [&](ColumnId column, std::optional<double> Lately::*mean) {
      history.each_gone_flow(index, *mean_span(column), [&](const Flow& flow, double rate) {
        if (hides_loopback(flow) || !state.filter.matches(flow)) return;
        const auto place = sum_places_.find(key_of(flow));
        if (place == sum_places_.end()) return;
        std::optional<double>& sum = listing.sums[place->second].lately.*mean;
        sum = sum.value_or(0) + rate;
      });
    };
    add(ColumnId::kRate10s, &Lately::rate_10s);
    add(ColumnId::kRate60s, &Lately::rate_60s);
  }

  const Model& model;
  const State& state;
  const Table& table;
  const History& history;
  const std::size_t index;
  const Sample& sample;
  const ColumnId sort;
  CellOptions cells;
  Listing listing;

 private:
  SortKey key_of_mean(const Lately& lately) const;
  bool hides_loopback(const Flow& flow) const;
  std::size_t old_place(const RowKey& key) const;

  bool keep_;
  bool wants_means_;
  std::unordered_map<std::uint64_t, std::vector<std::pair<RowKey, std::size_t>>> old_places_;
  std::map<RowKey, std::size_t> sum_places_;
};

}  // namespace sockscope::tui
