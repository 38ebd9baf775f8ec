// SPDX-License-Identifier: Apache-2.0
#include "view/flow_totals.h"

namespace sockscope {

void FlowSum::add(const Flow& flow) {
  if (flow.direction == Direction::kListen) return;  // it moves nothing
  if (flow.peer_of != 0) {
    peers_.push_back({flow.peer_of, flow.rx_rate, flow.tx_rate});
    return;
  }
  if (flow.protocol == Protocol::kUdp) udp_sockets_.insert(flow.cookie);
  if (!flow.closed) ++sum_.open;
  add_rates(flow.rx_rate, flow.tx_rate);
}

void FlowSum::add_rates(const std::optional<double>& rx, const std::optional<double>& tx) {
  if (!rx || !tx) {
    some_not_known_ = true;
    return;
  }
  sum_.rx_rate = sum_.rx_rate.value_or(0) + *rx;
  sum_.tx_rate = sum_.tx_rate.value_or(0) + *tx;
}

FlowTotals FlowSum::totals(bool is_counting) const {
  FlowSum all = *this;
  for (const Peer& peer : peers_) {
    if (udp_sockets_.contains(peer.socket)) continue;
    ++all.sum_.open;
    all.add_rates(peer.rx_rate, peer.tx_rate);
  }
  if (!is_counting) all.sum_.rx_rate = all.sum_.tx_rate = std::nullopt;
  if (is_counting && !all.sum_.rx_rate && !all.some_not_known_)
    all.sum_.rx_rate = all.sum_.tx_rate = 0;
  return all.sum_;
}

FlowTotals totals_of(const std::vector<Process>& processes, bool is_counting) {
  FlowTotals totals;
  double rx = 0;
  double tx = 0;
  // Sockets that only listen move nothing, with any source.
  bool some_counted = false;
  bool some_not = false;
  for (const Process& process : processes) {
    some_not |= !process.rx_rate;
    some_counted |= process.rx_rate && process.open_flows + process.closed_flows != 0;
    rx += process.rx_rate.value_or(0);
    tx += process.tx_rate.value_or(0);
    totals.open += process.open_flows;
  }
  if (is_counting && (some_counted || !some_not)) {
    totals.rx_rate = rx;
    totals.tx_rate = tx;
  }
  return totals;
}

}  // namespace sockscope
