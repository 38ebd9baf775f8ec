// SPDX-License-Identifier: Apache-2.0
#include "format/netwatch.h"

#include <sockscope/alert.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/timestamp.h"

namespace sockscope::netwatch {
namespace {

constexpr const char* kNobody = "[unattributed]";

double thousandths(double value) {
  return std::round(value * 1000) / 1000;
}

std::optional<double> thousandths(const std::optional<double>& value) {
  if (!value) return std::nullopt;
  return thousandths(*value);
}

template <class T>
std::optional<T> unless_empty(T value) {
  if (value.empty()) return std::nullopt;
  return value;
}

InterfaceMetric make_interface(const Interface& interface) {
  const InterfaceCounters& counters = interface.counters;
  return {.name = interface.name,
          .is_up = interface.is_up,
          .rx_bytes = counters.rx_bytes,
          .tx_bytes = counters.tx_bytes,
          .rx_bytes_delta = interface.rx_bytes_delta,
          .tx_bytes_delta = interface.tx_bytes_delta,
          .rx_packets = counters.rx_packets,
          .tx_packets = counters.tx_packets,
          .rx_errors = counters.rx_errors,
          .tx_errors = counters.tx_errors,
          .rx_drops = counters.rx_drops,
          .tx_drops = counters.tx_drops,
          // NetWatch has 0 as the rates of an interface's first sample.
          .rx_rate = thousandths(interface.rx_rate.value_or(0)),
          .tx_rate = thousandths(interface.tx_rate.value_or(0)),
          .rx_history = unless_empty(interface.rx_history),
          .tx_history = unless_empty(interface.tx_history)};
}

std::optional<std::vector<std::optional<double>>> history_of(const ProbeHealth& health) {
  std::vector<std::optional<double>> history;
  for (const auto& rtt : health.rtt_history) history.push_back(thousandths(rtt));
  return unless_empty(std::move(history));
}

std::optional<HealthMetric> make_health(const ProbeHealth& gateway, const ProbeHealth& dns) {
  if (!gateway.target && !dns.target) return std::nullopt;
  HealthMetric health;
  if (gateway.target) health.gateway_ip = to_string(*gateway.target);
  health.gateway_rtt_ms = thousandths(gateway.rtt_ms);
  health.gateway_loss_pct = thousandths(gateway.loss_pct);
  health.gateway_rtt_history = history_of(gateway);
  if (dns.target) health.dns_ip = to_string(*dns.target);
  health.dns_rtt_ms = thousandths(dns.rtt_ms);
  health.dns_loss_pct = thousandths(dns.loss_pct);
  health.dns_rtt_history = history_of(dns);
  return health;
}

SystemMetric make_system(const SystemFacts& facts) {
  return {.cpu_usage_pct = facts.cpu_usage_pct,
          .memory_total_bytes = facts.memory_total_bytes,
          .memory_used_bytes = facts.memory_used_bytes,
          .memory_available_bytes = facts.memory_available_bytes,
          .load_avg_1m = facts.load_1m,
          .load_avg_5m = facts.load_5m,
          .load_avg_15m = facts.load_15m,
          .swap_total_bytes = facts.swap_total_bytes,
          .swap_used_bytes = facts.swap_used_bytes,
          .cpu_per_core = unless_empty(facts.cpu_per_core)};
}

bool is_connected(const Flow& flow) {
  return flow.remote.port != 0 || !flow.remote.addr.is_unspecified();
}

ConnectionDetail make_connection(const Flow& flow) {
  ConnectionDetail detail;
  const bool is_tcp = flow.protocol == Protocol::kTcp;
  detail.protocol = is_tcp ? "TCP" : "UDP";
  detail.local_addr = to_string(flow.local);
  detail.remote_addr = is_connected(flow) ? to_string(flow.remote) : "*:*";
  if (is_tcp)
    detail.state = flow.state == TcpState::kNone ? "UNKNOWN" : std::string(to_string(flow.state));
  else
    detail.state = is_connected(flow) ? "ESTABLISHED" : "UNCONN";
  if (flow.owner.pid != 0) detail.pid = flow.owner.pid;
  if (!flow.owner.name().empty()) detail.process_name = flow.owner.name();
  if (flow.counters.srtt_us != 0) detail.kernel_rtt_us = flow.counters.srtt_us;
  return detail;
}

void add_sockets(const sockscope::Snapshot& sockets, Snapshot& snapshot) {
  std::uint32_t established = 0;
  std::uint32_t time_wait = 0;
  std::uint32_t close_wait = 0;
  snapshot.connections.emplace();
  for (const Flow& flow : sockets.flows) {
    // NetWatch does not list closed connections, except those that the kernel still keeps.
    if (flow.peer_of != 0 || (flow.closed && flow.state != TcpState::kTimeWait)) continue;
    if (flow.state == TcpState::kEstablished) ++established;
    if (flow.state == TcpState::kTimeWait) ++time_wait;
    if (flow.state == TcpState::kCloseWait) ++close_wait;
    snapshot.connections->push_back(make_connection(flow));
  }
  snapshot.connection_count = established;
  snapshot.tcp_time_wait = time_wait;
  snapshot.tcp_close_wait = close_wait;

  if (sockets.alerts) {
    Rfc3339 rfc3339;
    snapshot.alerts.emplace();
    for (const sockscope::Alert& alert : *sockets.alerts)
      snapshot.alerts->push_back(
          {.severity = std::string(to_string(alert.severity)),
           .category = std::string(to_string(alert.kind)),
           .message = message(alert),
           .detail = detail(alert),
           .timestamp = std::string(rfc3339(
               sockets.wall_ns - (sockets.mono_ns - std::min(sockets.mono_ns, alert.first_ns))))});
  }
  if (!sockets.interval_s) return;
  // Processes for which the source counted nothing are left out, so that nothing is claimed about
  // them.
  std::set<std::uint32_t> counted;
  for (const Flow& flow : sockets.flows)
    if (flow.has_counters) counted.insert(flow.owner.pid);
  snapshot.processes.emplace();
  for (const Process& process : sockets.processes) {
    const bool has_bytes = process.rx_bytes != 0 || process.tx_bytes != 0;
    if (!has_bytes && !counted.contains(process.pid)) continue;
    ProcessBandwidth row;
    row.process_name = process.name().empty() ? kNobody : std::string(process.name());
    if (process.pid != 0) row.pid = process.pid;
    row.rx_bytes = process.rx_bytes;
    row.tx_bytes = process.tx_bytes;
    row.rx_rate = thousandths(process.rx_rate.value_or(0));
    row.tx_rate = thousandths(process.tx_rate.value_or(0));
    row.connection_count = process.open_flows;
    snapshot.processes->push_back(std::move(row));
  }
  std::stable_sort(snapshot.processes->begin(), snapshot.processes->end(),
                   [](const ProcessBandwidth& a, const ProcessBandwidth& b) {
                     return a.rx_rate + a.tx_rate > b.rx_rate + b.tx_rate;
                   });
}

}  // namespace

Snapshot make_snapshot(std::uint64_t wall_ns, const sockscope::Snapshot& sockets) {
  Snapshot snapshot;
  Rfc3339 rfc3339;
  snapshot.timestamp = rfc3339(wall_ns);
  add_sockets(sockets, snapshot);
  return snapshot;
}

Snapshot make_snapshot(const HostFacts& host, const sockscope::Snapshot& sockets) {
  Snapshot snapshot = make_snapshot(host.wall_ns, sockets);
  for (const Interface& interface : host.interfaces)
    if (!interface.is_loopback) snapshot.interfaces.push_back(make_interface(interface));
  snapshot.health = host.probes ? make_health(host.gateway, host.dns) : std::nullopt;
  snapshot.system = make_system(host.system);
  snapshot.disk_usage.emplace();
  for (const Disk& disk : host.disks)
    snapshot.disk_usage->push_back({.mount_point = disk.mount_point,
                                    .device = disk.device,
                                    .total_bytes = disk.total_bytes,
                                    .used_bytes = disk.used_bytes,
                                    .available_bytes = disk.available_bytes,
                                    .usage_pct = disk.usage_pct});
  if (host.disk_io) snapshot.disk_io = DiskIo{host.disk_io->read_bytes, host.disk_io->write_bytes};
  return snapshot;
}

HostInfo make_host_info(const HostIdentity& identity, std::string host_id) {
  return {.host_id = std::move(host_id),
          .hostname = identity.name,
          .os = unless_empty(identity.os),
          .kernel = unless_empty(identity.kernel),
          .uptime_secs = identity.uptime_s,
          .cpu_model = unless_empty(identity.cpu_model),
          .cpu_cores = identity.cpu_cores,
          .memory_total_bytes = identity.memory_total_bytes};
}

}  // namespace sockscope::netwatch
