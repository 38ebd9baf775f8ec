// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "host/interfaces.h"

namespace sockscope {
namespace {

bool went_back(const InterfaceCounters& before, const InterfaceCounters& now) noexcept {
  return now.rx_bytes < before.rx_bytes || now.tx_bytes < before.tx_bytes ||
         now.rx_packets < before.rx_packets || now.tx_packets < before.tx_packets;
}

void push(std::vector<std::uint64_t>& history, double rate) {
  if (history.size() == InterfaceRates::kHistory) history.erase(history.begin());
  history.push_back(static_cast<std::uint64_t>(std::llround(rate)));
}

}  // namespace

void InterfaceRates::update(std::uint64_t now_ns, std::vector<Interface>& interfaces) {
  const double seconds = now_ns > last_ns_ ? static_cast<double>(now_ns - last_ns_) / 1e9 : 0;
  ++reading_;
  for (Interface& interface : interfaces) {
    const auto [at, is_new] = entries_.try_emplace(interface.index);
    Entry& entry = at->second;
    if (is_new || seconds == 0 || went_back(entry.counters, interface.counters)) {
      entry = {};
    } else {
      interface.rx_bytes_delta = interface.counters.rx_bytes - entry.counters.rx_bytes;
      interface.tx_bytes_delta = interface.counters.tx_bytes - entry.counters.tx_bytes;
      interface.rx_rate = static_cast<double>(interface.rx_bytes_delta) / seconds;
      interface.tx_rate = static_cast<double>(interface.tx_bytes_delta) / seconds;
      push(entry.rx_history, *interface.rx_rate);
      push(entry.tx_history, *interface.tx_rate);
      interface.rx_history = entry.rx_history;
      interface.tx_history = entry.tx_history;
    }
    entry.counters = interface.counters;
    entry.reading = reading_;
  }
  std::erase_if(entries_, [this](const auto& entry) { return entry.second.reading != reading_; });
  last_ns_ = now_ns;
}

}  // namespace sockscope
