// SPDX-License-Identifier: Apache-2.0
#include <sockscope/alert.h>

#include "track/detectors/rules.h"

namespace sockscope {
namespace {

using namespace detectors;

constexpr std::size_t kAlertBytes = 1024;  // including its texts and figures
constexpr std::size_t kFlowBytes = 64;

}  // namespace

struct Detectors::Impl {
  explicit Impl(const AlertOptions& given) : options(given), book(to_ns(given.hold_s)) {}

  AlertOptions options;
  AlertBook book;
  PortScan scans;
  Beaconing beacons;
  DnsTunnel tunnels;
  Bandwidth bandwidth;
  RetransmitStorm storms;
  ConnectFailures failures;
};

Detectors::Detectors(const AlertOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Detectors::Detectors(Detectors&&) noexcept = default;
Detectors& Detectors::operator=(Detectors&&) noexcept = default;
Detectors::~Detectors() = default;

void Detectors::take(const Event& event, const Handler& handler) {
  const Bench bench{impl_->options, impl_->book, handler};
  if (event.kind() == EventKind::kDns) return impl_->tunnels.take(event, bench);
  if (event.flow.protocol != Protocol::kTcp) return;
  impl_->tunnels.note_use(event);
  const PortScan::Verdict verdict = impl_->scans.take(event, bench);
  if (verdict == PortScan::Verdict::kBegins) impl_->failures.forgive(event.flow.owner);
  impl_->beacons.take(event, bench);
  if (verdict == PortScan::Verdict::kOther) impl_->failures.take(event, bench);
}

void Detectors::take(const Snapshot& snapshot, const Handler& handler) {
  const Bench bench{impl_->options, impl_->book, handler};
  impl_->bandwidth.take(snapshot, bench);
  impl_->storms.take(snapshot, bench);
}

void Detectors::take(const HostFacts& facts, const Handler& handler) {
  impl_->bandwidth.take(facts, {impl_->options, impl_->book, handler});
}

void Detectors::tick(std::uint64_t now_ns, std::int64_t mono_to_wall_ns, const Handler& handler) {
  const Bench bench{impl_->options, impl_->book, handler};
  impl_->scans.tick(now_ns, bench);
  impl_->beacons.tick(now_ns, mono_to_wall_ns, bench);
  impl_->tunnels.tick(now_ns, bench);
  impl_->failures.tick(now_ns, bench);
  impl_->book.tick(now_ns, handler);
}

std::vector<Alert> Detectors::alerts() const {
  return impl_->book.alerts();
}
std::size_t Detectors::active() const noexcept {
  return impl_->book.active();
}
std::uint64_t Detectors::suppressed() const noexcept {
  return impl_->book.suppressed();
}
std::uint64_t Detectors::forgotten() const noexcept {
  return impl_->scans.forgotten() + impl_->beacons.forgotten() + impl_->tunnels.forgotten() +
         impl_->failures.forgotten() + impl_->storms.forgotten();
}

std::size_t Detectors::bytes() const noexcept {
  return sizeof(Impl) + impl_->scans.bytes() + impl_->beacons.bytes() + impl_->tunnels.bytes() +
         impl_->failures.bytes() + impl_->storms.size() * kFlowBytes +
         impl_->scans.counted_exactly() * PortScan::kPortsBytes + impl_->book.kept() * kAlertBytes;
}

std::size_t Detectors::most_bytes() noexcept {
  return sizeof(Impl) + PortScan::kMostBytes + Beaconing::kMostBytes + DnsTunnel::kMostBytes +
         ConnectFailures::kMostBytes + RetransmitStorm::kMostFlows * kFlowBytes +
         kMost * PortScan::kPortsBytes + 2 * kMost * kAlertBytes;
}

}  // namespace sockscope
