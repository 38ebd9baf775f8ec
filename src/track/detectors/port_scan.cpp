// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

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

}  // namespace

void PortScan::take(const Event& event, const Bench& bench) {
  const auto* const refused = std::get_if<event::Refused>(&event.what);
  const bool is_inbound = refused != nullptr || event.kind() == EventKind::kAccept;
  const bool is_shut = refused != nullptr || event.kind() == EventKind::kConnectFailed;
  if (!is_inbound && !is_shut && event.kind() != EventKind::kConnect) return;
  const Flow& flow = event.flow;
  const std::uint16_t port = is_inbound ? flow.local.port : flow.remote.port;
  if (!is_shut && port >= kAgreedFrom) return;

  Key key;
  key.add(std::uint64_t{is_inbound}).add(flow.remote.addr);
  if (!is_inbound) key.add_program(flow.owner);
  Source& source = sources_.use(key, event.mono_ns);
  // An FTP server chooses any port for the data, a new one for each file.
  if (!is_shut && port == kFtp) source.uses_ftp = true;
  if (!is_shut && port >= kFirstFree && source.uses_ftp) return;
  const std::uint64_t window_ns = to_ns(bench.options.scan_window_s);
  const auto threshold = static_cast<std::size_t>(bench.options.scan_ports);
  const auto much =
      std::min(static_cast<std::size_t>(kMuch * bench.options.scan_ports), RecentSet<Port>::kMost);
  const std::size_t ports =
      source.ports.add({port, is_shut}, event.mono_ns, window_ns, std::max(much, threshold));
  source.last_ns = event.mono_ns;
  if (ports == 1 && !source.is_scanning) source.attempts = 0;
  source.attempts += refused ? refused->attempts : 1;
  if (is_inbound) source.target = flow.local.addr;
  const auto touch = [&source](const Port& each) {
    source.all->touched.set(each.number);
    if (each.is_shut) source.all->shut.set(each.number);
  };
  if (source.all) touch({port, is_shut});
  const bool is_many =
      ports >= threshold && (count_shut(source) * kShutOneOf >= ports || ports >= much);
  if (!is_many && !source.is_scanning) return;
  source.has_news = true;
  if (source.is_scanning || source.was_refused) return;
  source.is_scanning = true;
  source.first_ns = source.ports.oldest_ns(event.mono_ns, window_ns);
  source.direction = is_inbound ? Direction::kInbound : Direction::kOutbound;
  source.peer = flow.remote.addr;
  source.is_own =
      is_inbound && (flow.remote.addr.is_loopback() || flow.remote.addr == flow.local.addr);
  if (!is_inbound) source.owner = flow.owner;
  if (exact_ < Detectors::kMost) {
    source.all = std::make_unique<Ports>();
    ++exact_;
    source.ports.each(touch);
  }

  // For a host that scans itself, the process's own connections may say more than the refusals, so
  // the report waits.
  if (!source.is_own) tell(source, bench);
}

std::size_t PortScan::count_shut(const Source& source) {
  if (source.all) return source.all->shut.count();
  std::size_t count = 0;
  source.ports.each([&count](const Port& port) { count += port.is_shut ? 1 : 0; });
  return count;
}

void PortScan::tell(Source& source, const Bench& bench) {
  source.has_news = false;
  const bool is_inbound = source.direction == Direction::kInbound;
  if (source.is_own && bench.book.is_active("port_scan/out/" + to_string(source.target))) return;
  const double ports =
      source.all ? static_cast<double>(source.all->touched.count()) : bench.options.scan_ports;
  Sighting sighting;
  sighting.kind = AlertKind::kPortScan;
  sighting.key = std::string("port_scan/") + (is_inbound ? "in/" : "out/") + to_string(source.peer);
  sighting.first_ns = source.first_ns;
  sighting.last_ns = source.last_ns;
  sighting.direction = source.direction;
  sighting.owner = source.owner;
  sighting.peer.addr = source.peer;
  if (ports >= kMuch * bench.options.scan_ports) sighting.severity = AlertSeverity::kCritical;
  sighting.figures = {{"ports", ports},
                      {"shut", static_cast<double>(count_shut(source))},
                      {"attempts", static_cast<double>(source.attempts)},
                      {"seconds", static_cast<double>(source.last_ns - source.first_ns) / 1e9}};
  source.was_refused = !bench.book.see(std::move(sighting), bench.handler);
}

void PortScan::tick(std::uint64_t now_ns, const Bench& bench) {
  const std::uint64_t quiet_ns = to_ns(std::max(bench.options.scan_window_s, bench.options.hold_s));
  const auto stop = [this](Source& source) {
    if (source.all) --exact_;
    source.all.reset();
    source.attempts = 0;
    source.is_scanning = source.was_refused = false;
  };
  sources_.each([&](Source& source) {
    if (source.is_scanning && source.has_news) tell(source, bench);
    if (source.is_scanning && source.last_ns + quiet_ns <= now_ns) stop(source);
  });
  sources_.forget_before(before(now_ns, quiet_ns), stop);
}

}  // namespace sockscope::detectors
