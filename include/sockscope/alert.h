// SPDX-License-Identifier: Apache-2.0
// Conditions worth a look, found in what a Monitor tells: scans, beacons, tunnels, floods, losses.
//
// Pure: no thread, clock, file or system call; time is that of what is handed in. Memory is bounded
// whatever is handed in (Detectors::most_bytes()). Nothing is thrown but std::bad_alloc.
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
  kPortScan,         // many ports of one host, most of them shut
  kBeaconing,        // connection attempts to one endpoint, or name, at regular times
  kDnsTunnel,        // names that carry data to whoever answers for a domain
  kBandwidth,        // of a process or of an interface
  kRetransmitStorm,  // much of what is sent to one host is sent again
  kConnectFailures,  // a program's connection attempts fail, one after the other
};

enum class AlertSeverity : std::uint8_t { kWarning, kCritical };

// One condition is one alert: it begins, may get worse, and ends when it was not seen for
// AlertOptions::hold_s.
enum class AlertPhase : std::uint8_t { kBegan, kWorse, kEnded };

struct AlertFigure {
  std::string name;  // "ports", "window_s", …
  double value = 0;
};

struct Alert {
  // The same for the same condition, also when it comes back: "port_scan/in/192.0.2.1".
  std::string key;
  AlertKind kind = AlertKind::kPortScan;
  AlertSeverity severity = AlertSeverity::kWarning;
  AlertPhase phase = AlertPhase::kBegan;
  std::uint64_t first_ns = 0;  // when the evidence began
  std::uint64_t last_ns = 0;   // when the condition was last seen
  // kBeaconing: when the next attempt is overdue; it goes on until then.
  std::uint64_t missed_ns = 0;
  std::uint64_t ended_ns = 0;  // 0: it goes on
  // kPortScan, kBeaconing: kOutbound, a process of this host does it; kInbound: it is done to us.
  Direction direction = Direction::kUnknown;
  Owner owner;    // who does it; pid 0: not known, as of what comes from outside
  Endpoint peer;  // the other end; family 0: none in particular, port 0: many
  // kDnsTunnel: the domain; kBeaconing: the name that led to `peer`, the latest of its addresses;
  // kBandwidth: the interface. Any bytes.
  std::string name;
  std::vector<AlertFigure> figures;

  double figure(std::string_view name) const noexcept;  // 0: there is none of that name
};

// "port_scan", "beaconing", "dns_tunnel", "bandwidth", "retransmit_storm", "connect_failures";
// "warning", "critical"; "began", "worse", "ended".
std::string_view to_string(AlertKind) noexcept;
std::string_view to_string(AlertSeverity) noexcept;
std::string_view to_string(AlertPhase) noexcept;

// One line each, fit for a terminal: what happens ("nmap 4711 scans ports of 192.0.2.1"), and the
// evidence with its figures.
std::string message(const Alert& alert);
std::string detail(const Alert& alert);

// Thresholds. The names in thresholds() are those of the members, with a dot for the first _.
struct AlertOptions {
  double hold_s = 60;  // an alert ends when its condition was not seen for so long

  // Different ports at one host, from one source, within the window. A port counts when it was
  // shut, or lies below 32768: connections that succeed above are those of passive FTP and RPC.
  // Shut ports of this host show with Options::refusals only.
  double scan_ports = 20;
  double scan_window_s = 30;

  // Attempts of one program (name and user) at one endpoint. The jitter is the standard deviation
  // of the times between them, in per cent of their mean: a quarter of it is allowed at first, two
  // thirds from twice as many attempts on, all of it from four times as many, because few random
  // times look regular easily.
  double beacon_attempts = 5;
  double beacon_jitter_pct = 15;
  double beacon_interval_s = 1;  // between attempts, at the least: faster ones are retries
  // What monitoring does: a program that is regular with at least so many endpoints is a prober.
  double beacon_targets = 4;
  double beacon_private = 0;  // 1: also at loopback, private and link-local addresses
  double beacon_timers = 0;   // 1: also at whole minutes, as cron does

  // Queries a minute for so many different names below one domain; or so many different names that
  // are so long.
  double dns_queries = 50;
  double dns_names = 30;
  double dns_length = 80;  // bytes
  double dns_long_names = 3;
  // Names of these domains, and below them, are no part of a tunnel. In lower case.
  std::vector<std::string> allowed_domains;

  double bandwidth_bytes = 100e6;  // a second, either direction, twice in a row

  // TCP segments sent again to one host between two snapshots, and their share of what was sent.
  double retransmit_segments = 20;
  double retransmit_pct = 5;

  // Failed attempts of one program within the window, and their share of all of its attempts.
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
// Errors: kInvalidArgument, with the names there are or the range as detail.
Result<void> set_threshold(AlertOptions& options, std::string_view name, double value);

class Detectors {
 public:
  using Handler = std::function<void(const Alert&)>;  // at each phase; valid during the call only

  explicit Detectors(const AlertOptions& options = {});
  Detectors(Detectors&&) noexcept;
  Detectors& operator=(Detectors&&) noexcept;
  ~Detectors();

  // In the order of time, as a Monitor hands them over: connect, connect_failed, accept, refused
  // (Options::refusals) and dns (Options::dns) are looked at. handler may be null.
  void take(const Event& event, const Handler& handler);
  // At an interval, every one to ten seconds or so: rates, segments and retransmits since the one
  // before; the second is the first that tells anything. Of a whole host: not filtered.
  void take(const Snapshot& snapshot, const Handler& handler);
  void take(const HostFacts& facts, const Handler& handler);  // rates of interfaces, loopback too
  // Every second or so: ends what is over, forgets what is old. mono_to_wall_ns: what to add to the
  // times to get Unix time, for what happens at whole minutes.
  void tick(std::uint64_t now_ns, std::int64_t mono_to_wall_ns, const Handler& handler);

  // Those that go on, oldest first, then the latest that ended, at most kMost of both.
  std::vector<Alert> alerts() const;
  std::size_t active() const noexcept;
  static constexpr std::size_t kMost = 100;
  // Conditions that found kMost alerts active, and sources, endpoints or domains that were
  // forgotten for others because too many came at once: what was missed can only be among these.
  std::uint64_t suppressed() const noexcept;
  std::uint64_t forgotten() const noexcept;

  std::size_t bytes() const noexcept;        // memory in use, estimated from above
  static std::size_t most_bytes() noexcept;  // what it never exceeds

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
