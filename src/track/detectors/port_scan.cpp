// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "track/detectors/rules.h"

namespace sockscope::detectors {
namespace {

// Passive FTP, RPC and the like agree on a port from here up, so successful connections to such
// ports are no probes.
constexpr std::uint16_t kAgreedFrom = 32'768;
constexpr double kMuch = 5;  // times the threshold
// A source that finds nearly all ports open uses them (a monitor that scrapes exporters, a
// peer-to-peer program) unless they are very many. It scans when at least one of this many is
// closed.
constexpr std::size_t kShutOneOf = 8;
constexpr std::uint16_t kFtp = 21;
constexpr std::uint16_t kFirstFree = 1024;
// A port that is tried more often is used, or would be if it were open.
constexpr std::uint8_t kMostTimes = 3;
// A scan pauses when it tries no new port for this many times the longest mean time between the
// ports of a scan. A later port belongs to it only if enough others follow to be a scan.
constexpr double kPause = 4;

}  // namespace

struct PortScan::Attempt {
  const Event& event;
  Port port;  // with the attempts that the event stands for
  bool is_inbound;
  bool is_of_many = false;  // counted for all processes of the program
};

PortScan::Verdict PortScan::take(const Event& event, const Bench& bench) {
  const auto* const refused = std::get_if<event::Refused>(&event.what);
  const bool is_inbound = refused != nullptr || event.kind() == EventKind::kAccept;
  const bool is_shut = refused != nullptr || event.kind() == EventKind::kConnectFailed;
  if (!is_inbound && !is_shut && event.kind() != EventKind::kConnect) return Verdict::kOther;
  const Flow& flow = event.flow;
  const std::uint16_t number = is_inbound ? flow.local.port : flow.remote.port;
  if (!is_shut && number >= kAgreedFrom) return Verdict::kOther;

  const std::uint64_t count = refused ? refused->attempts : 1;
  const Attempt attempt{
      event,
      {number, is_shut, 1, static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX))},
      is_inbound};
  Key key;
  key.add(std::uint64_t{is_inbound}).add(flow.remote.addr);
  const Key peer = key;
  if (!is_inbound) key.add_process(flow.owner);
  Source& source = sources_.use(key, event.mono_ns);
  const std::size_t ports_before = source.ports.size();
  const Verdict verdict = judge(source, attempt, bench);
  if (is_inbound || verdict != Verdict::kOther) return verdict;
  const std::size_t ports = source.ports.size();
  if (ports == 1) {
    // The process may be one of many that try a port each.
    const bool is_new = source.ports.items().front().first_ns == event.mono_ns;
    if (!is_new && !is_shut) return Verdict::kOther;
    Attempt of_many = attempt;
    of_many.is_of_many = true;
    return judge(sources_.use(Key(peer).add_program(flow.owner), event.mono_ns), of_many, bench);
  }
  if (ports_before == 1 && ports == 2) {
    const Port its_first = source.ports.items().front().value;
    if (Source* const together = sources_.find(Key(peer).add_program(flow.owner)))
      together->ports.remove(its_first);
  }
  return Verdict::kOther;
}

// Counts the attempt, and begins or continues the scan of the source.
PortScan::Verdict PortScan::judge(Source& source, const Attempt& attempt, const Bench& bench) {
  const Flow& flow = attempt.event.flow;
  const std::uint64_t now = attempt.event.mono_ns;
  const auto& [number, is_shut, times, attempts] = attempt.port;
  // An FTP server chooses any port for the data, a new one for each file.
  if (!is_shut && number == kFtp) source.uses_ftp = true;
  if (!is_shut && number >= kFirstFree && source.uses_ftp) return Verdict::kOther;
  const std::uint64_t window_ns = to_ns(bench.options.scan_window_s);
  const auto threshold = static_cast<std::size_t>(bench.options.scan_ports);
  const auto much =
      std::min(static_cast<std::size_t>(kMuch * bench.options.scan_ports), RecentSet<Port>::kMost);
  const auto [port, is_new] =
      source.ports.add(attempt.port, now, window_ns, std::max(much, threshold));
  if (attempt.is_inbound) source.target = flow.local.addr;
  if (!is_new) {
    port.is_shut = is_shut;
    port.times = std::min<std::uint8_t>(port.times, kMostTimes) + times;
    if (is_shut) port.attempts += attempts;
  }

  const auto pause_ns =
      to_ns(kPause * bench.options.scan_window_s / std::max(bench.options.scan_ports, 1.0));
  if (source.is_scanning && now <= source.last_ns + pause_ns) {
    const bool is_of_scan = source.of_scan != nullptr && source.of_scan->test(number);
    if (is_new && !is_of_scan) {
      add_to_scan(source, attempt.port);
      source.attempts += attempts + std::exchange(source.repeated, 0);
      source.last_ns = now;
      source.has_news = true;
      return Verdict::kPart;
    }
    // Connecting again to an open port is use, not a probe.
    if (!is_of_scan || !is_shut) return Verdict::kOther;
    source.repeated += attempts;
    return Verdict::kPart;
  }
  if (!is_new) return Verdict::kOther;

  // Those that were tried for the first time within the window, and since the scan, if there was
  // one.
  const std::uint64_t since =
      std::max(before(now, window_ns), source.is_scanning ? source.last_ns + 1 : 0);
  const auto is_fresh = [since](const auto& item) {
    return item.first_ns >= since && item.value.times <= kMostTimes;
  };
  std::size_t fresh = 0;
  std::size_t shut = 0;
  std::uint64_t first_ns = now;
  for (const auto& item : source.ports.items()) {
    if (!is_fresh(item)) continue;
    ++fresh;
    shut += item.value.is_shut ? 1 : 0;
    first_ns = std::min(first_ns, item.first_ns);
  }
  if (fresh < threshold || (shut * kShutOneOf < fresh && fresh < much)) return Verdict::kOther;
  if (!source.is_scanning) {
    source.is_scanning = true;
    source.tried = source.shut = source.attempts = 0;
    source.first_ns = first_ns;
    source.direction = attempt.is_inbound ? Direction::kInbound : Direction::kOutbound;
    if (!attempt.is_inbound) source.owner = flow.owner;
    if (attempt.is_of_many) {
      source.owner.pid = 0;
      source.owner.start_ns = 0;
      source.owner.process = nullptr;
    }
    source.peer = flow.remote.addr;
    source.is_own = attempt.is_inbound &&
                    (flow.remote.addr.is_loopback() || flow.remote.addr == flow.local.addr);
    if (exact_ < Detectors::kMost) {
      source.of_scan = std::make_unique<Ports>();
      ++exact_;
    }
  }
  source.repeated = 0;
  source.last_ns = now;
  source.has_news = true;
  for (const auto& item : source.ports.items()) {
    if (!is_fresh(item)) continue;
    add_to_scan(source, item.value);
    source.attempts += item.value.attempts;
  }
  // For a host that scans itself, the process's own connections may say more than the refusals, so
  // the report waits.
  if (!source.is_own) tell(source, bench);
  return Verdict::kBegins;
}

void PortScan::add_to_scan(Source& source, const Port& port) {
  if (source.of_scan) {
    if (source.of_scan->test(port.number)) return;
    source.of_scan->set(port.number);
  }
  ++source.tried;
  source.shut += port.is_shut ? 1 : 0;
}

void PortScan::tell(Source& source, const Bench& bench) {
  source.has_news = false;
  const bool is_inbound = source.direction == Direction::kInbound;
  if (source.is_own &&
      bench.book.is_active(AlertKind::kPortScan, Direction::kOutbound, source.target))
    return;
  const auto ports = static_cast<double>(source.tried);
  Sighting sighting;
  sighting.kind = AlertKind::kPortScan;
  sighting.key = std::string("port_scan/") + (is_inbound ? "in/" : "out/") + to_string(source.peer);
  if (!is_inbound) sighting.key += '/' + clean_text(source.owner.name());
  if (source.owner.pid != 0) sighting.key += '/' + std::to_string(source.owner.pid);
  sighting.first_ns = source.first_ns;
  sighting.last_ns = source.last_ns;
  sighting.direction = source.direction;
  sighting.owner = source.owner;
  sighting.peer.addr = source.peer;
  if (ports >= kMuch * bench.options.scan_ports) sighting.severity = AlertSeverity::kCritical;
  sighting.figures = {{"ports", ports},
                      {"shut", static_cast<double>(source.shut)},
                      {"attempts", static_cast<double>(source.attempts)},
                      {"seconds", static_cast<double>(source.last_ns - source.first_ns) / 1e9}};
  bench.book.see(std::move(sighting), bench.handler);
}

void PortScan::tick(std::uint64_t now_ns, const Bench& bench) {
  const std::uint64_t quiet_ns = to_ns(std::max(bench.options.scan_window_s, bench.options.hold_s));
  const auto stop = [this](Source& source) {
    if (source.of_scan) --exact_;
    source.of_scan.reset();
    source.is_scanning = false;
  };
  sources_.each([&](Source& source) {
    if (source.is_scanning && source.has_news) tell(source, bench);
    if (source.is_scanning && source.last_ns + quiet_ns <= now_ns) stop(source);
  });
  sources_.forget_before(before(now_ns, quiet_ns), stop);
}

}  // namespace sockscope::detectors
