// SPDX-License-Identifier: Apache-2.0
#include <sockscope/host.h>

#include <algorithm>
#include <cmath>

#include "model/address.h"

namespace sockscope {
namespace {

bool is_own(const Address& address, const HostFacts& host) {
  for (const Interface& interface : host.interfaces)
    for (const InterfaceAddress& own : interface.addresses)
      if (own.address == address) return true;
  return false;
}

std::uint64_t bytes_in(const std::optional<double>& rate, double seconds) {
  return static_cast<std::uint64_t>(std::llround(rate.value_or(0) * seconds));
}

}  // namespace

std::optional<Reconciliation> reconcile(const HostFacts& host, const Snapshot& snapshot,
                                        std::uint32_t netns) {
  if (!host.interval_s || !snapshot.interval_s) return std::nullopt;
  Reconciliation result;
  result.interval_s = *host.interval_s;
  const bool has_hardware = std::any_of(
      host.interfaces.begin(), host.interfaces.end(),
      [](const Interface& link) { return link.is_up && !link.is_loopback && !link.is_virtual; });
  for (const Interface& link : host.interfaces) {
    if (link.is_loopback || !link.is_up || (has_hardware && link.is_virtual)) continue;
    result.counted.push_back(link.name);
    result.interface_rx_bytes += link.rx_bytes_delta;
    result.interface_tx_bytes += link.tx_bytes_delta;
  }
  for (const Flow& flow : snapshot.flows) {
    if (flow.peer_of != 0 || flow.netns != netns || !flow.has_counters ||
        flow.local.addr.is_loopback() || flow.remote.addr.is_loopback() ||
        is_own(without_zone(flow.remote.addr), host))
      continue;
    result.process_rx_bytes += bytes_in(flow.rx_rate, *snapshot.interval_s);
    result.process_tx_bytes += bytes_in(flow.tx_rate, *snapshot.interval_s);
  }
  result.unexplained_rx_bytes = static_cast<std::int64_t>(result.interface_rx_bytes) -
                                static_cast<std::int64_t>(result.process_rx_bytes);
  result.unexplained_tx_bytes = static_cast<std::int64_t>(result.interface_tx_bytes) -
                                static_cast<std::int64_t>(result.process_tx_bytes);
  return result;
}

}  // namespace sockscope
