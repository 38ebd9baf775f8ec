// SPDX-License-Identifier: Apache-2.0
// What the connections that a filter selects move together, for headers.
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace sockscope {

struct FlowTotals {
  // Bytes per second; empty: of none of the connections it is known.
  std::optional<double> rx_rate;
  std::optional<double> tx_rate;
  std::size_t open = 0;  // without listening sockets
};

// Sums connections. The remote ends of an unconnected UDP socket are not added to the socket
// itself.
class FlowSum {
 public:
  void add(const Flow& flow);
  // is_counting: the source counts bytes, so that no connections move 0 bytes.
  FlowTotals totals(bool is_counting) const;

 private:
  struct Peer {
    std::uint64_t socket;
    std::optional<double> rx_rate;
    std::optional<double> tx_rate;
  };
  void add_rates(const std::optional<double>& rx, const std::optional<double>& tx);

  FlowTotals sum_;
  bool some_not_known_ = false;
  std::set<std::uint64_t> udp_sockets_;
  std::vector<Peer> peers_;
};

// The same from the sums of processes, which also have connections that are no longer kept. Only
// where all connections of a process are selected.
FlowTotals totals_of(const std::vector<Process>& processes, bool is_counting);

}  // namespace sockscope
