// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sockscope/alert.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace sockscope {
namespace {

// The upper limits bound the memory that detectors use.
constexpr Threshold kThresholds[] = {
    {"hold", &AlertOptions::hold_s, 1, 86'400, "seconds until an alert that is not renewed ends"},
    {"scan.ports", &AlertOptions::scan_ports, 2, 256, "different ports at one host"},
    {"scan.window", &AlertOptions::scan_window_s, 1, 3600, "seconds they lie within"},
    {"beacon.attempts", &AlertOptions::beacon_attempts, 4, 32,
     "regular attempts at one endpoint or name"},
    {"beacon.jitter", &AlertOptions::beacon_jitter_pct, 0.1, 60, "% of the time between them"},
    {"beacon.interval", &AlertOptions::beacon_interval_s, 0.6, 86'400,
     "seconds between them at the least"},
    {"beacon.targets", &AlertOptions::beacon_targets, 2, 1e6,
     "regular endpoints that make a program a prober: no alert"},
    {"beacon.private", &AlertOptions::beacon_private, 0, 1, "1: private addresses too"},
    {"beacon.timers", &AlertOptions::beacon_timers, 0, 1, "1: at whole minutes too, as cron's"},
    {"dns.queries", &AlertOptions::dns_queries, 1, 1e6, "queries a minute below one domain"},
    {"dns.names", &AlertOptions::dns_names, 1, 255, "different names among them"},
    {"dns.length", &AlertOptions::dns_length, 10, 255, "bytes that make a name long"},
    {"dns.long", &AlertOptions::dns_long_names, 1, 256, "different long names a minute"},
    {"bandwidth.rate", &AlertOptions::bandwidth_bytes, 1, 1e15, "bytes a second, either way"},
    {"retransmit.segments", &AlertOptions::retransmit_segments, 1, 1e9,
     "segments sent again to one host in an interval"},
    {"retransmit.percent", &AlertOptions::retransmit_pct, 0.01, 100, "% of the segments sent"},
    {"failures.count", &AlertOptions::failures_count, 2, 1e9, "failed attempts of one program"},
    {"failures.window", &AlertOptions::failures_window_s, 1, 3600, "seconds they lie within"},
    {"failures.percent", &AlertOptions::failures_pct, 0, 100, "% of its attempts"},
};

std::string who(const Alert& alert) {
  const std::string name = clean_text(alert.owner.name());
  if (name.empty() && alert.owner.pid == 0) return "an unknown process";
  return fmt::format("{} {}", name.empty() ? "process" : name, alert.owner.pid);
}

// A scan by many processes of one program, each of which tried one port.
bool is_by_many(const Alert& alert) {
  return alert.direction == Direction::kOutbound && alert.owner.pid == 0 &&
         !alert.owner.name().empty();
}

std::string rates(const Alert& alert) {
  return fmt::format("{}B/s received, {}B/s sent",
                     format_rate(alert.figure("rx_rate"), Units::kBytes),
                     format_rate(alert.figure("tx_rate"), Units::kBytes));
}

}  // namespace

double Alert::figure(std::string_view wanted) const noexcept {
  for (const AlertFigure& each : figures)
    if (each.name == wanted) return each.value;
  return 0;
}

std::string_view to_string(AlertKind kind) noexcept {
  switch (kind) {
    case AlertKind::kPortScan: return "port_scan";
    case AlertKind::kBeaconing: return "beaconing";
    case AlertKind::kDnsTunnel: return "dns_tunnel";
    case AlertKind::kBandwidth: return "bandwidth";
    case AlertKind::kRetransmitStorm: return "retransmit_storm";
    case AlertKind::kConnectFailures: break;
  }
  return "connect_failures";
}

std::string_view to_string(AlertSeverity severity) noexcept {
  return severity == AlertSeverity::kCritical ? "critical" : "warning";
}

std::string_view to_string(AlertPhase phase) noexcept {
  switch (phase) {
    case AlertPhase::kBegan: return "began";
    case AlertPhase::kWorse: return "worse";
    case AlertPhase::kEnded: break;
  }
  return "ended";
}

std::string message(const Alert& alert) {
  const std::string peer =
      alert.peer.port != 0 ? to_string(alert.peer) : to_string(alert.peer.addr);
  switch (alert.kind) {
    case AlertKind::kPortScan:
      if (alert.direction == Direction::kInbound) return peer + " scans ports of this host";
      if (is_by_many(alert))
        return fmt::format("processes of {} scan ports of {}", clean_text(alert.owner.name()),
                           peer);
      return fmt::format("{} scans ports of {}", who(alert), peer);
    case AlertKind::kBeaconing:
      return fmt::format(
          "{} calls {} every {}", who(alert),
          alert.name.empty() ? peer : fmt::format("{}:{}", clean_text(alert.name), alert.peer.port),
          format_duration_us(static_cast<std::uint64_t>(alert.figure("interval_s") * 1e6)));
    case AlertKind::kDnsTunnel:
      return fmt::format("{} asks for names below {} as a tunnel does", who(alert),
                         clean_text(alert.name));
    case AlertKind::kBandwidth:
      return alert.name.empty()
                 ? who(alert) + " moves much data"
                 : fmt::format("interface {} moves much data", clean_text(alert.name));
    case AlertKind::kRetransmitStorm:
      return fmt::format("{:.0f} % of the segments to {} are sent again", alert.figure("percent"),
                         peer);
    case AlertKind::kConnectFailures: break;
  }
  return fmt::format("connections of {} fail", who(alert));
}

std::string detail(const Alert& alert) {
  const auto figure = [&alert](std::string_view name) { return alert.figure(name); };
  const auto number = [&alert](std::string_view name, std::string_view what) {
    return counted(static_cast<std::uint64_t>(alert.figure(name)), what);
  };
  switch (alert.kind) {
    case AlertKind::kPortScan:
      return fmt::format(
          "{}{}, {:.0f} of them shut, {} in {}", number("ports", "port"),
          is_by_many(alert) ? " by a process each" : "", figure("shut"),
          number("attempts", "attempt"),
          format_duration_us(static_cast<std::uint64_t>(figure("seconds") * 1e6 + 0.5)));
    case AlertKind::kBeaconing:
      return fmt::format("{:.0f} attempts {:.2f} s apart, jitter {:.1f} %", figure("attempts"),
                         figure("interval_s"), figure("jitter_pct"));
    case AlertKind::kDnsTunnel:
      return fmt::format(
          "{:.0f} queries a minute, {:.0f} or more different names, the last of "
          "{:.0f} bytes",
          figure("queries_per_minute"), figure("names"), figure("name_bytes"));
    case AlertKind::kBandwidth: return rates(alert);
    case AlertKind::kRetransmitStorm:
      return fmt::format("{:.0f} of {} on {}, most by {}", figure("retransmits"),
                         number("segments", "segment"), number("connections", "connection"),
                         who(alert));
    case AlertKind::kConnectFailures: break;
  }
  const std::string_view reason = errno_name(static_cast<int>(figure("errno")));
  return fmt::format("{:.0f} of {:.0f} attempts failed, the last at {}: {}", figure("failures"),
                     figure("attempts"), to_string(alert.peer),
                     reason.empty() ? "unknown reason" : reason);
}

std::span<const Threshold> thresholds() noexcept {
  return kThresholds;
}

Result<void> set_threshold(AlertOptions& options, std::string_view name, double value) {
  const auto found =
      std::find_if(std::begin(kThresholds), std::end(kThresholds),
                   [name](const Threshold& threshold) { return threshold.name == name; });
  const auto invalid = [](std::string detail) {
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {}, "set the threshold").with_detail(std::move(detail)));
  };
  if (found == std::end(kThresholds)) {
    std::string names;
    for (const Threshold& threshold : kThresholds)
      names += (names.empty() ? "" : ", ") + std::string(threshold.name);
    return invalid(fmt::format("'{}' is none of {}", clean_text(name), names));
  }
  if (!(value >= found->least && value <= found->most))
    return invalid(fmt::format("{} is not between {:g} and {:g}", name, found->least, found->most));
  options.*found->member = value;
  return {};
}

}  // namespace sockscope
