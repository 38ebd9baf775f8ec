// SPDX-License-Identifier: Apache-2.0
// The host around its sockets: interfaces, system, disks, the health of gateway and DNS.
//
// Like Monitor, this has no thread, event loop or signal handler of its own, throws nothing, and
// starts no helper program. What cannot be known is empty.
#pragma once

#include <sockscope/error.h>
#include <sockscope/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sockscope {

struct InterfaceCounters {
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t rx_errors = 0;
  std::uint64_t tx_errors = 0;
  std::uint64_t rx_drops = 0;
  std::uint64_t tx_drops = 0;

  bool operator==(const InterfaceCounters&) const = default;
};

struct InterfaceAddress {
  Address address;
  std::uint8_t prefix = 0;  // bits
  bool operator==(const InterfaceAddress&) const = default;
};

struct Interface {
  std::uint32_t index = 0;
  std::string name;    // hostile bytes possible
  bool is_up = false;  // up and running: it has a carrier
  bool is_loopback = false;
  bool is_virtual = false;  // made by software: its traffic may also be counted by another
                            // interface
  std::uint32_t mtu = 0;
  std::optional<std::uint64_t> speed_bits;  // per second
  std::vector<InterfaceAddress> addresses;
  InterfaceCounters counters;
  // Since the reading before. Rates are bytes per second. They are empty in an interface's first
  // reading, and after its counters went back. Histories are the last 60 rates, oldest first.
  std::uint64_t rx_bytes_delta = 0;
  std::uint64_t tx_bytes_delta = 0;
  std::optional<double> rx_rate;
  std::optional<double> tx_rate;
  std::vector<std::uint64_t> rx_history;
  std::vector<std::uint64_t> tx_history;
};

struct SystemFacts {
  std::optional<double> cpu_usage_pct;  // since the reading before; one decimal
  std::vector<double> cpu_per_core;     // the same for each core; empty when not known
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> memory_used_bytes;  // total minus available
  std::optional<std::uint64_t> memory_available_bytes;
  std::optional<std::uint64_t> swap_total_bytes;
  std::optional<std::uint64_t> swap_used_bytes;
  std::optional<double> load_1m;
  std::optional<double> load_5m;
  std::optional<double> load_15m;
};

// A mounted block device.
struct Disk {
  std::string mount_point;  // hostile bytes possible
  std::string device;
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t available_bytes = 0;  // to users without privileges
  double usage_pct = 0;               // of what unprivileged users can use
};

// Sums over all disks since boot.
struct DiskIo {
  std::uint64_t read_bytes = 0;
  std::uint64_t write_bytes = 0;
};

// The result of a round of three echo requests to a host; each is given a second for its answer.
struct ProbeHealth {
  std::optional<Address> target;
  std::string problem;  // why nothing is known ("no default route", "not permitted", …), or empty
  std::optional<double> rtt_ms;                    // mean of the answers; empty: none came
  std::optional<double> loss_pct;                  // empty: no round is finished yet
  std::vector<std::optional<double>> rtt_history;  // the last 60 rounds, oldest first
};

struct HostFacts {
  std::uint64_t mono_ns = 0;
  std::uint64_t wall_ns = 0;          // Unix time when the reading began
  std::optional<double> interval_s;   // since the reading before; empty in the first
  std::vector<Interface> interfaces;  // by index, including loopback
  SystemFacts system;
  std::vector<Disk> disks;
  std::optional<DiskIo> disk_io;
  // Connections, and requests for connections, that the listening TCP sockets of the caller's
  // network namespace have dropped since the namespace was created: full queues, no memory (TcpExt
  // ListenDrops). Empty: not known.
  std::optional<std::uint64_t> listen_drops;
  bool probes = false;  // echo requests are sent to the gateway and the DNS server
  ProbeHealth gateway;
  ProbeHealth dns;
};

// What does not change while the host runs.
struct HostIdentity {
  std::string name;
  std::string os;      // "Debian GNU/Linux 12 (bookworm)"
  std::string kernel;  // "6.1.0-18-amd64"
  std::string cpu_model;
  std::optional<std::uint32_t> cpu_cores;
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> uptime_s;
};

struct HostOptions {
  // The directory under which the host's /proc, /etc and mounts are found, for containers that have
  // them elsewhere. Interfaces are always those of the caller's network namespace.
  std::string root;
  // Send echo requests to the default gateway and the first DNS server, three a second to each.
  // set_probe() changes it later. Otherwise nothing is sent.
  bool probe = false;
};

class HostMonitor {
 public:
  // Opens its sockets; capabilities can be dropped after that. Needs none, except CAP_NET_RAW where
  // the kernel does not allow the user's group to send echo requests (net.ipv4.ping_group_range).
  // Errors: kIo.
  static Result<HostMonitor> open(const HostOptions& options = {});

  HostMonitor(HostMonitor&&) noexcept;
  HostMonitor& operator=(HostMonitor&&) noexcept;
  ~HostMonitor();

  // Reads everything, without waiting. Takes the echoes that came since the call before, and sends
  // new requests when a round is finished. Round trip times are measured by the kernel, so a late
  // call does not falsify them. Errors: kIo when the kernel does not list its interfaces.
  Result<HostFacts> read();

  // Whether read() sends requests from now on.
  void set_probe(bool on) noexcept;

  // Whether a round of echoes is in progress; and waiting for its end, no longer than its second.
  bool is_probing() const noexcept;
  void wait_for_probes();

  HostIdentity identity() const;

 private:
  struct Impl;
  explicit HostMonitor(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// The bytes on the interfaces compared with those of the processes, in one interval.
struct Reconciliation {
  double interval_s = 0;
  // Sums over the interfaces named in `counted`: hardware interfaces, or all but loopback where
  // there are none.
  std::vector<std::string> counted;
  std::uint64_t interface_rx_bytes = 0;
  std::uint64_t interface_tx_bytes = 0;
  // Payload of the flows of the same network namespace that leave or enter this host.
  std::uint64_t process_rx_bytes = 0;
  std::uint64_t process_tx_bytes = 0;
  // The rest: headers, retransmits, forwarded packets, traffic of other namespaces, of the kernel
  // itself, and of flows that are not counted. Negative: more payload than the interfaces carried,
  // which can happen for a while because of a buffer between them, or a path around them.
  std::int64_t unexplained_rx_bytes = 0;
  std::int64_t unexplained_tx_bytes = 0;
};

// Both must have been read at the same moments. Empty in the first interval of either. netns: inode
// number of the interfaces' network namespace.
std::optional<Reconciliation> reconcile(const HostFacts& host, const Snapshot& snapshot,
                                        std::uint32_t netns);

}  // namespace sockscope
