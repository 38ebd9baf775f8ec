// SPDX-License-Identifier: Apache-2.0
// Conditions worth a look, found in what a Monitor reports: scans, beacons, tunnels, floods,
// losses.
//
// Pure: no thread, clock, file or system call. The time is that of the events and snapshots handed
// in. Memory is bounded whatever is handed in (Detectors::most_bytes()). Nothing but std::bad_alloc
// is thrown.
#pragma once

#include <sockscope/error.h>
#include <sockscope/event.h>
#include <sockscope/host.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope {

enum class AlertKind : std::uint8_t {
  kPortScan,         // many ports of one host, most of them closed
  kBeaconing,        // connection attempts to one endpoint, or name, at regular times
  kDnsTunnel,        // names that carry data to the name server of a domain
  kBandwidth,        // of a process or of an interface
  kRetransmitStorm,  // a large share of what is sent to one host is sent again
  kConnectFailures,  // a program's connection attempts fail one after another
};

enum class AlertSeverity : std::uint8_t { kWarning, kCritical };

// One condition is one alert: it begins, may get worse, and ends when it has not been seen for
// AlertOptions::hold_s.
enum class AlertPhase : std::uint8_t { kBegan, kWorse, kEnded };

struct AlertFigure {
  std::string name;  // "ports", "window_s", …
  double value = 0;
};

struct Alert {
  // Stays the same for the same condition, also when that comes back: "port_scan/in/192.0.2.1".
  std::string key;
  AlertKind kind = AlertKind::kPortScan;
  AlertSeverity severity = AlertSeverity::kWarning;
  AlertPhase phase = AlertPhase::kBegan;
  std::uint64_t first_ns = 0;  // when the evidence began
  std::uint64_t last_ns = 0;   // when the condition was last seen
  // kBeaconing: when the next attempt is overdue. The condition lasts until then.
  std::uint64_t missed_ns = 0;
  std::uint64_t ended_ns = 0;  // 0: it is active
  // kPortScan, kBeaconing: kOutbound, a process of this host does it; kInbound, another host does
  // it to this one.
  Direction direction = Direction::kUnknown;
  Owner owner;    // who does it; pid 0: not known, for example another host
  Endpoint peer;  // the other end; family 0: no single one, port 0: many ports
  // kDnsTunnel: the domain. kBeaconing: the name that was looked up for `peer`, which is then the
  // latest of the name's addresses. kBandwidth: the interface. May contain any bytes.
  std::string name;
  std::vector<AlertFigure> figures;

  double figure(std::string_view name) const noexcept;  // 0: no figure has that name
};

// "port_scan", "beaconing", "dns_tunnel", "bandwidth", "retransmit_storm", "connect_failures";
// "warning", "critical"; "began", "worse", "ended".
std::string_view to_string(AlertKind) noexcept;
std::string_view to_string(AlertSeverity) noexcept;
std::string_view to_string(AlertPhase) noexcept;

// One line each, safe for a terminal: what happens ("nmap 4711 scans ports of 192.0.2.1"), and the
// evidence with its figures.
std::string message(const Alert& alert);
std::string detail(const Alert& alert);

// Thresholds. The names in thresholds() are those of the members, with the first "_" replaced by a
// dot.
struct AlertOptions {
  double hold_s = 60;  // an alert ends when its condition has not been seen for this long

  // Different ports of one host, from one source, within the window. A port counts when it was
  // closed, or is below 32768: successful connections to ports above that are typical of passive
  // FTP and RPC. Closed ports of this host are seen only with Options::refusals.
  double scan_ports = 20;
  double scan_window_s = 30;

  // Attempts of one program (name and user) at one endpoint. The jitter is the standard deviation
  // of the times between attempts, in per cent of their mean. Because a few random times easily
  // look regular, only a quarter of the jitter is allowed at first, two thirds with twice as many
  // attempts, and all of it with four times as many.
  double beacon_attempts = 5;
  double beacon_jitter_pct = 15;
  double beacon_interval_s = 1;  // least time between attempts: faster ones are retries
  // Monitoring is regular too: a program that is regular with at least this many endpoints is taken
  // for a prober.
  double beacon_targets = 4;
  double beacon_private = 0;  // 1: also at loopback, private and link-local addresses
  double beacon_timers = 0;   // 1: also at whole minutes, as cron does

  // Either this many queries a minute with this many different names below one domain, or this many
  // different names of at least this length.
  double dns_queries = 50;
  double dns_names = 30;
  double dns_length = 80;  // bytes
  double dns_long_names = 3;
  // Names of these domains, and below them, never count as a tunnel. In lower case.
  std::vector<std::string> allowed_domains;

  double bandwidth_bytes = 100e6;  // per second, in either direction, in two snapshots in a row

  // TCP segments sent again to one host between two snapshots, and their share of all that was sent
  // to it.
  double retransmit_segments = 20;
  double retransmit_pct = 5;

  // Failed attempts of one program within the window, and their share of all its attempts.
  double failures_count = 30;
  double failures_window_s = 60;
  double failures_pct = 50;
};

struct Threshold {
  std::string_view name;  // "scan.ports"
  double AlertOptions::*member;
  double least;
  double most;
  std::string_view meaning;  // with its unit
};
std::span<const Threshold> thresholds() noexcept;
// Errors: kInvalidArgument, whose detail has the existing names or the allowed range.
Result<void> set_threshold(AlertOptions& options, std::string_view name, double value);

class Detectors {
 public:
  using Handler = std::function<void(const Alert&)>;  // at each phase; the alert is valid during
                                                      // the call only

  explicit Detectors(const AlertOptions& options = {});
  Detectors(Detectors&&) noexcept;
  Detectors& operator=(Detectors&&) noexcept;
  ~Detectors();

  // Events must come in order of time, as a Monitor hands them over. Used are connect,
  // connect_failed, accept, refused (Options::refusals) and dns (Options::dns). handler may be
  // null.
  void take(const Event& event, const Handler& handler);
  // To be called every one to ten seconds: looks at rates, segments and retransmits since the
  // snapshot before, so the first call finds nothing. The snapshot must be of the whole host, not
  // filtered.
  void take(const Snapshot& snapshot, const Handler& handler);
  void take(const HostFacts& facts, const Handler& handler);  // rates of interfaces, including
                                                              // loopback
  // To be called about every second: ends what is over and forgets what is old. mono_to_wall_ns:
  // what to add to the times to get Unix time; used to recognise what happens at whole minutes.
  void tick(std::uint64_t now_ns, std::int64_t mono_to_wall_ns, const Handler& handler);

  // Active alerts, oldest first, then the latest of those that ended; at most kMost in all.
  std::vector<Alert> alerts() const;
  std::size_t active() const noexcept;
  static constexpr std::size_t kMost = 100;
  // suppressed(): conditions that were found while kMost alerts were active. forgotten(): sources,
  // endpoints or domains that were dropped because too many others came at once. Only among these
  // can anything have been missed.
  std::uint64_t suppressed() const noexcept;
  std::uint64_t forgotten() const noexcept;

  std::size_t bytes() const noexcept;        // memory in use, estimated from above
  static std::size_t most_bytes() noexcept;  // bytes() never exceeds it

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
