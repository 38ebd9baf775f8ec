// SPDX-License-Identifier: Apache-2.0
#include "tui/host_history.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sockscope::tui {
namespace {

constexpr std::size_t kRates = 60;  // as many as HostMonitor keeps

std::size_t size_of(const HostReading& reading) {
  std::size_t size = sizeof reading;
  const HostFacts& facts = reading.facts;
  for (const Interface& interface : facts.interfaces)
    size += sizeof interface + interface.addresses.size() * sizeof(InterfaceAddress);
  for (const Disk& disk : facts.disks)
    size += sizeof disk + disk.mount_point.size() + disk.device.size();
  size += facts.system.cpu_per_core.size() * sizeof(double);
  size += (facts.gateway.rtt_history.size() + facts.dns.rtt_history.size()) *
          sizeof(std::optional<double>);
  if (reading.bytes) size += reading.bytes->counted.size() * sizeof(std::string);
  return size;
}

}  // namespace

const Interface* find_interface(const HostReading& reading, std::uint32_t index) {
  const auto& all = reading.facts.interfaces;
  const auto place = std::lower_bound(
      all.begin(), all.end(), index,
      [](const Interface& interface, std::uint32_t wanted) { return interface.index < wanted; });
  return place != all.end() && place->index == index ? &*place : nullptr;
}

void HostHistory::add(HostFacts facts, std::optional<Reconciliation> bytes, std::uint64_t sample) {
  for (Interface& interface : facts.interfaces) {
    interface.rx_history = {};
    interface.tx_history = {};
  }
  HostReading reading{sample, facts.mono_ns, facts.interval_s, std::move(facts), std::move(bytes)};
  bytes_ += size_of(reading);
  readings_.push_back(std::move(reading));
  while (readings_.size() > 1 &&
         (readings_.back().mono_ns - readings_.front().mono_ns > limits_.span_ns ||
          bytes_ > limits_.bytes)) {
    bytes_ -= size_of(readings_.front());
    readings_.pop_front();
  }
}

std::optional<std::size_t> HostHistory::index_at(std::uint64_t sample) const {
  const auto after = std::upper_bound(
      readings_.begin(), readings_.end(), sample,
      [](std::uint64_t number, const HostReading& reading) { return number < reading.sample; });
  if (after == readings_.begin()) return std::nullopt;
  return static_cast<std::size_t>(after - readings_.begin()) - 1;
}

HostFacts HostHistory::facts(std::size_t index) const {
  HostFacts facts = readings_[index].facts;
  const std::size_t first = index + 1 > kRates ? index + 1 - kRates : 0;
  for (Interface& interface : facts.interfaces) {
    for (std::size_t i = first; i <= index; ++i) {
      const Interface* then = find_interface(readings_[i], interface.index);
      if (then == nullptr || !then->rx_rate || !then->tx_rate) continue;
      interface.rx_history.push_back(static_cast<std::uint64_t>(std::llround(*then->rx_rate)));
      interface.tx_history.push_back(static_cast<std::uint64_t>(std::llround(*then->tx_rate)));
    }
  }
  return facts;
}

}  // namespace sockscope::tui
