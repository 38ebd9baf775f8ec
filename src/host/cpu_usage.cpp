// SPDX-License-Identifier: Apache-2.0
#include "host/cpu_usage.h"

#include <cmath>

namespace sockscope {
namespace {

std::uint64_t since(std::uint64_t before, std::uint64_t now) {
  return now > before ? now - before : 0;  // the kernel's idle time can decrease a little
}

std::optional<double> busy_pct(const CpuTimes& before, const CpuTimes& now) {
  const std::uint64_t busy = since(before.busy, now.busy);
  const std::uint64_t all = busy + since(before.idle, now.idle);
  if (all == 0) return std::nullopt;
  return std::round(1000.0 * static_cast<double>(busy) / static_cast<double>(all)) / 10;
}

}  // namespace

void CpuUsage::update(CpuReading reading, SystemFacts& facts) {
  if (last_.all && reading.all) facts.cpu_usage_pct = busy_pct(*last_.all, *reading.all);
  if (last_.cores.size() == reading.cores.size()) {
    for (std::size_t i = 0; i < reading.cores.size(); ++i) {
      const auto pct = busy_pct(last_.cores[i], reading.cores[i]);
      if (!pct) {
        facts.cpu_per_core.clear();
        break;
      }
      facts.cpu_per_core.push_back(*pct);
    }
  }
  last_ = std::move(reading);
}

}  // namespace sockscope
