// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "base/text.h"
#include "track/detectors/rules.h"

namespace sockscope::detectors {
namespace {

constexpr double kMuch = 5;

AlertSeverity severity_of(double value, double threshold) {
  return value >= kMuch * threshold ? AlertSeverity::kCritical : AlertSeverity::kWarning;
}

using Since = std::unordered_map<Key, std::uint64_t, Key::Hash>;

// True when above the threshold twice in a row. `after` collects all that are above it in this
// reading.
bool stays_above(const Key& key, double rx, double tx, double threshold, std::uint64_t now_ns,
                 const Since& known, Since& after, std::uint64_t& since_ns) {
  if (std::max(rx, tx) < threshold) return false;
  const auto found = known.find(key);
  since_ns = found == known.end() ? now_ns : found->second;
  after.emplace(key, since_ns);
  return found != known.end();
}

}  // namespace

void Bandwidth::take(const Snapshot& snapshot, const Bench& bench) {
  Since after;
  for (const Process& process : snapshot.processes) {
    const double rx = process.rx_rate.value_or(0);
    const double tx = process.tx_rate.value_or(0);
    Owner owner;
    owner.pid = process.pid;
    owner.start_ns = process.start_ns;
    owner.cgroup_id = process.cgroup_id;
    owner.uid = process.uid;
    owner.comm = process.comm;
    owner.process = process.info;
    std::uint64_t since = 0;
    if (!stays_above(Key().add_process(owner), rx, tx, bench.options.bandwidth_bytes,
                     snapshot.mono_ns, processes_, after, since))
      continue;
    Sighting sighting;
    sighting.kind = AlertKind::kBandwidth;
    sighting.severity = severity_of(std::max(rx, tx), bench.options.bandwidth_bytes);
    sighting.key =
        "bandwidth/process/" + clean_text(process.name()) + '/' + std::to_string(process.pid);
    sighting.first_ns = since;
    sighting.last_ns = snapshot.mono_ns;
    sighting.owner = std::move(owner);
    sighting.figures = {{"rx_rate", rx}, {"tx_rate", tx}};
    bench.book.see(std::move(sighting), bench.handler);
  }
  processes_ = std::move(after);
}

void Bandwidth::take(const HostFacts& facts, const Bench& bench) {
  Since after;
  for (const Interface& interface : facts.interfaces) {
    const double rx = interface.rx_rate.value_or(0);
    const double tx = interface.tx_rate.value_or(0);
    std::uint64_t since = 0;
    if (!stays_above(Key().add(std::uint64_t{interface.index}), rx, tx,
                     bench.options.bandwidth_bytes, facts.mono_ns, interfaces_, after, since))
      continue;
    Sighting sighting;
    sighting.kind = AlertKind::kBandwidth;
    sighting.severity = severity_of(std::max(rx, tx), bench.options.bandwidth_bytes);
    sighting.key = "bandwidth/interface/" + clean_text(interface.name);
    sighting.first_ns = since;
    sighting.last_ns = facts.mono_ns;
    sighting.name = interface.name;
    sighting.figures = {{"rx_rate", rx}, {"tx_rate", tx}};
    bench.book.see(std::move(sighting), bench.handler);
  }
  interfaces_ = std::move(after);
}

void RetransmitStorm::take(const Snapshot& snapshot, const Bench& bench) {
  struct Sum {
    Sent sent;
    const Flow* worst = nullptr;
    std::uint32_t most = 0;
    std::uint64_t flows = 0;
    std::uint64_t first_ns = UINT64_MAX;  // not before it
  };
  std::unordered_map<Key, Sum, Key::Hash> hosts;
  std::unordered_map<std::uint64_t, Sent> after;
  for (const Flow& flow : snapshot.flows) {
    if (flow.protocol != Protocol::kTcp || !flow.has_counters || !flow.has_segments ||
        flow.direction == Direction::kListen || flow.cookie == 0)
      continue;
    const Sent now{flow.counters.tx_segments, flow.counters.retransmits};
    if (after.size() < kMostFlows)
      after.emplace(flow.cookie, now);
    else
      ++forgotten_;
    const auto known = before_.find(flow.cookie);
    Sent then;
    if (known != before_.end()) {
      // A socket that connects again counts from 0.
      if (known->second.segments <= now.segments && known->second.retransmits <= now.retransmits)
        then = known->second;
    } else if (before_ns_ == 0 || flow.opened_ns < before_ns_) {
      continue;  // not known how much of it is older
    }
    const std::uint32_t again = now.retransmits - then.retransmits;
    if (again == 0 && now.segments == then.segments) continue;
    Sum& sum = hosts[Key().add(flow.remote.addr)];
    sum.sent.retransmits += again;
    sum.sent.segments += now.segments - then.segments;
    if (again != 0) {
      ++sum.flows;
      sum.first_ns = std::min(sum.first_ns, std::max(before_ns_, flow.opened_ns));
    }
    if (again > sum.most || sum.worst == nullptr) {
      sum.most = again;
      sum.worst = &flow;
    }
  }
  for (const auto& [key, sum] : hosts) {
    const double again = sum.sent.retransmits;
    const double share = 100 * again / std::max(1.0, static_cast<double>(sum.sent.segments));
    if (again < bench.options.retransmit_segments || share < bench.options.retransmit_pct) continue;
    Sighting sighting;
    sighting.kind = AlertKind::kRetransmitStorm;
    sighting.severity = severity_of(share, bench.options.retransmit_pct);
    sighting.key = "retransmit_storm/" + to_string(sum.worst->remote.addr);
    sighting.first_ns = sum.first_ns;
    sighting.last_ns = snapshot.mono_ns;
    sighting.owner = sum.worst->owner;
    sighting.peer.addr = sum.worst->remote.addr;
    sighting.figures = {{"retransmits", again},
                        {"segments", static_cast<double>(sum.sent.segments)},
                        {"percent", share},
                        {"connections", static_cast<double>(sum.flows)}};
    bench.book.see(std::move(sighting), bench.handler);
  }
  before_ = std::move(after);
  before_ns_ = snapshot.mono_ns;
}

}  // namespace sockscope::detectors
