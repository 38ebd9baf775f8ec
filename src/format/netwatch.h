// SPDX-License-Identifier: Apache-2.0
// NetWatch's Snapshot, the payload that its servers accept: its values, and how ours are converted.
// docs/schema/netwatch-*.schema.json describe the JSON; its field names are the members' names.
#pragma once

#include <sockscope/host.h>
#include <sockscope/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sockscope::netwatch {

struct InterfaceMetric {
  std::string name;
  bool is_up = false;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_bytes_delta = 0;
  std::uint64_t tx_bytes_delta = 0;
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t rx_errors = 0;
  std::uint64_t tx_errors = 0;
  std::uint64_t rx_drops = 0;
  std::uint64_t tx_drops = 0;
  std::optional<double> rx_rate;  // bytes per second
  std::optional<double> tx_rate;
  std::optional<std::vector<std::uint64_t>> rx_history;
  std::optional<std::vector<std::uint64_t>> tx_history;
  bool operator==(const InterfaceMetric&) const = default;
};

struct HealthMetric {
  std::optional<std::string> gateway_ip;
  std::optional<double> gateway_rtt_ms;
  std::optional<double> gateway_loss_pct;
  std::optional<std::string> dns_ip;
  std::optional<double> dns_rtt_ms;
  std::optional<double> dns_loss_pct;
  std::optional<std::vector<std::optional<double>>> gateway_rtt_history;
  std::optional<std::vector<std::optional<double>>> dns_rtt_history;
  bool operator==(const HealthMetric&) const = default;
};

struct SystemMetric {
  std::optional<double> cpu_usage_pct;
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> memory_used_bytes;
  std::optional<std::uint64_t> memory_available_bytes;
  std::optional<double> load_avg_1m;
  std::optional<double> load_avg_5m;
  std::optional<double> load_avg_15m;
  std::optional<std::uint64_t> swap_total_bytes;
  std::optional<std::uint64_t> swap_used_bytes;
  std::optional<std::vector<double>> cpu_per_core;
  bool operator==(const SystemMetric&) const = default;
};

struct DiskUsage {
  std::string mount_point;
  std::string device;
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t available_bytes = 0;
  double usage_pct = 0;
  bool operator==(const DiskUsage&) const = default;
};

struct DiskIo {
  std::uint64_t read_bytes = 0;
  std::uint64_t write_bytes = 0;
  bool operator==(const DiskIo&) const = default;
};

struct ProcessBandwidth {
  std::string process_name;
  std::optional<std::uint32_t> pid;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  double rx_rate = 0;
  double tx_rate = 0;
  std::uint32_t connection_count = 0;
  bool operator==(const ProcessBandwidth&) const = default;
};

struct ConnectionDetail {
  std::string protocol;     // "TCP", "UDP"
  std::string local_addr;   // "10.0.0.1:443", "[::1]:443"
  std::string remote_addr;  // "*:*": not connected
  std::string state;        // "ESTABLISHED", …; UDP: "ESTABLISHED" when connected, else "UNCONN"
  std::optional<std::uint32_t> pid;
  std::optional<std::string> process_name;
  std::optional<double> kernel_rtt_us;
  bool operator==(const ConnectionDetail&) const = default;
};

struct Alert {
  std::string severity;
  std::string category;
  std::string message;
  std::string detail;
  std::string timestamp;
  bool operator==(const Alert&) const = default;
};

struct NameCount {
  std::string name;
  std::uint64_t count = 0;
  bool operator==(const NameCount&) const = default;
};

struct DnsAnalytics {
  std::uint64_t total_queries = 0;
  std::uint64_t total_responses = 0;
  std::uint64_t nxdomain_count = 0;
  std::optional<std::uint64_t> unanswered_count;  // queries; an addition of ours, unknown to
                                                  // NetWatch
  std::vector<std::uint64_t> latency_buckets;
  std::vector<NameCount> top_domains;
  bool operator==(const DnsAnalytics&) const = default;
};

struct Snapshot {
  std::string timestamp;  // RFC 3339, UTC
  std::vector<InterfaceMetric> interfaces;
  std::optional<HealthMetric> health;
  std::optional<std::uint32_t> connection_count;  // established
  std::optional<SystemMetric> system;
  std::optional<std::vector<DiskUsage>> disk_usage;
  std::optional<DiskIo> disk_io;
  std::optional<std::uint32_t> tcp_time_wait;
  std::optional<std::uint32_t> tcp_close_wait;
  std::optional<std::vector<ProcessBandwidth>> processes;
  std::optional<std::vector<ConnectionDetail>> connections;
  std::optional<std::vector<Alert>> alerts;
  std::optional<DnsAnalytics> dns_analytics;
  bool operator==(const Snapshot&) const = default;
};

struct HostInfo {
  std::string host_id;  // UUID
  std::string hostname;
  std::optional<std::string> os;
  std::optional<std::string> kernel;
  std::optional<std::uint64_t> uptime_secs;
  std::optional<std::string> cpu_model;
  std::optional<std::uint32_t> cpu_cores;
  std::optional<std::uint64_t> memory_total_bytes;
  bool operator==(const HostInfo&) const = default;
};

struct AgentHealth {
  bool collectors_ok = true;
  std::uint64_t dropped_count = 0;
  std::uint64_t queue_depth = 0;
  bool operator==(const AgentHealth&) const = default;
};

struct IngestRequest {
  std::string agent_version;
  HostInfo host;
  std::vector<Snapshot> snapshots;
  std::optional<std::uint32_t> schema_version;
  std::optional<AgentHealth> agent_health;
  bool operator==(const IngestRequest&) const = default;
};

// Converts our values. Processes are included if they were measured; the caller fills in DNS
// (DnsFigures). What the host facts or the snapshot do not know is left out.
Snapshot make_snapshot(const HostFacts& host, const sockscope::Snapshot& sockets);
// From sockets alone, taken at wall_ns, perhaps on another machine: there are no interfaces, and no
// processes if rates were not measured.
Snapshot make_snapshot(std::uint64_t wall_ns, const sockscope::Snapshot& sockets);
HostInfo make_host_info(const HostIdentity& identity, std::string host_id);

}  // namespace sockscope::netwatch
