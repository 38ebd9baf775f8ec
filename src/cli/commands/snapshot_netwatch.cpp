// SPDX-License-Identifier: Apache-2.0
#include <sockscope/host.h>

#include <algorithm>

#include "cli/commands/snapshot.h"
#include "cli/every_interval.h"
#include "cli/host_id.h"
#include "cli/report.h"
#include "format/dns_figures.h"
#include "model/diagnosis.h"

namespace sockscope {
namespace {

// Keeps at most --top connections and processes; the busiest processes come first already.
void shorten(netwatch::Snapshot& snapshot, std::size_t top) {
  if (top == 0) return;
  if (snapshot.connections && snapshot.connections->size() > top) snapshot.connections->resize(top);
  if (snapshot.processes && snapshot.processes->size() > top) snapshot.processes->resize(top);
}

}  // namespace

std::string netwatch_line(netwatch::Snapshot snapshot, const Arguments& arguments,
                          const netwatch::HostInfo* host, const Loss& lost, bool all_observed) {
  shorten(snapshot, arguments.top);
  if (host == nullptr) return netwatch::to_json(snapshot) + '\n';
  netwatch::IngestRequest request;
  request.agent_version = std::string("sockscope ") + version();
  request.host = *host;
  request.snapshots.push_back(std::move(snapshot));
  request.schema_version = 1;
  request.agent_health = netwatch::AgentHealth{
      .collectors_ok = all_observed, .dropped_count = lost.total(), .queue_depth = 0};
  return netwatch::to_json(request) + '\n';
}

int snapshot_netwatch(const SnapshotArguments& arguments, const Options& observed) {
  std::optional<netwatch::HostInfo> info;
  // Opened before privileges are dropped.
  auto host = HostMonitor::open({.root = arguments.root, .probe = arguments.probe.value_or(true)});
  if (!host) return report(host.error());
  if (arguments.envelope) {
    auto id = host_id();
    if (!id) return report(id.error());
    info = netwatch::make_host_info(host->identity(), *id);
  }
  // File systems may be mounted where only root may look.
  auto session = Session::open(arguments, observed, std::nullopt, true);
  if (!session) return session.error();
  Detectors detectors(arguments.thresholds);
  netwatch::DnsFigures dns;
  const auto look = [&](const Event& event) {
    if (!session->filter.matches(event.flow)) return;
    detectors.take(event, nullptr);
    dns.take(event);
  };
  // Rates need a first reading.
  if (auto first = host->read(); !first) return report(first.error());
  if (auto first = session->snapshot(look); !first) return report(first.error());

  Sinks sinks(std::make_unique<TextSink>(session->output));
  std::uint64_t printed = 0;
  const auto step = [&](Wake wake) -> Result<bool> {
    if (wake == Wake::kFiles)
      return session->monitor.consume(look).map([](std::size_t) { return true; });
    if (!arguments.watch) host->wait_for_probes();
    auto facts = host->read();
    if (!facts) return tl::make_unexpected(std::move(facts).error());
    auto snapshot = session->snapshot(look);
    if (!snapshot) return tl::make_unexpected(std::move(snapshot).error());
    apply_filter(*snapshot, session->filter);
    detectors.take(*facts, nullptr);
    if (arguments.watch) note_alerts(detectors, *snapshot);
    if (info) info->uptime_secs = host->identity().uptime_s;
    auto line = netwatch::make_snapshot(*facts, *snapshot);
    if (is_observed(snapshot->doors, Observation::kDnsMessages)) line.dns_analytics = dns.figures();
    session->output.text() += netwatch_line(std::move(line), arguments, info ? &*info : nullptr,
                                            snapshot->lost, unobserved(snapshot->doors).empty());
    return arguments.watch && !arguments.is_enough(++printed);
  };
  const auto ended =
      every_interval({.interval = arguments.interval, .duration = arguments.duration},
                     session->stop_fd(), {session->monitor.fd()}, sinks, step);
  if (!ended) return report(ended.error());
  return *ended == Wake::kReaderGone ? sinks.exit_code() : session->exit_code();
}

}  // namespace sockscope
