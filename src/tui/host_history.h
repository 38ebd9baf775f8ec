// SPDX-License-Identifier: Apache-2.0
// Readings of the host around the sockets, which accompany the samples of History: for stepping
// back, and for plots.
#pragma once

#include <sockscope/host.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "tui/history.h"

namespace sockscope::tui {

struct HostReading {
  std::uint64_t sample = 0;  // the newest sample at that time
  std::uint64_t mono_ns = 0;
  std::optional<double> interval_s;
  HostFacts facts;  // interfaces have no histories, which are in the earlier readings
  std::optional<Reconciliation> bytes;
};

// Null: no interface has that index.
const Interface* find_interface(const HostReading& reading, std::uint32_t index);

class HostHistory {
 public:
  struct Limits {
    std::uint64_t span_ns = 600'000'000'000;
    std::size_t bytes = std::size_t{8} << 20;
  };
  explicit HostHistory(Limits limits) : limits_(limits) {}
  HostHistory() : HostHistory(Limits{}) {}

  void add(HostFacts facts, std::optional<Reconciliation> bytes, std::uint64_t sample);

  bool empty() const noexcept { return readings_.empty(); }
  std::size_t size() const noexcept { return readings_.size(); }
  const HostReading& operator[](std::size_t index) const { return readings_[index]; }
  // The last reading taken with that sample or before it; empty: there was none yet.
  std::optional<std::size_t> index_at(std::uint64_t sample) const;
  std::size_t bytes() const noexcept { return bytes_; }

  // See series_of().
  template <class Read>
  Series series(std::size_t index, std::size_t points, std::uint64_t step_ns, Read read) const {
    return series_of(readings_, index, points, step_ns, read);
  }

  // The facts as HostMonitor reported them, with the last 60 rates of each interface.
  HostFacts facts(std::size_t index) const;

 private:
  Limits limits_;
  std::deque<HostReading> readings_;
  std::size_t bytes_ = 0;
};

}  // namespace sockscope::tui
