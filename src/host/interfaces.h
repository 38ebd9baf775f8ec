// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>
#include <sockscope/host.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sockscope {

// Fills in deltas, rates and histories of interfaces from one reading to the next. Pure: time comes
// in as an argument.
class InterfaceRates {
 public:
  static constexpr std::size_t kHistory = 60;

  // Takes one reading of all interfaces. Interfaces that are missing in it are forgotten. One with
  // another index is another interface, whatever its name. One whose counters went back starts
  // again.
  void update(std::uint64_t now_ns, std::vector<Interface>& interfaces);

 private:
  struct Entry {
    InterfaceCounters counters;
    std::vector<std::uint64_t> rx_history;
    std::vector<std::uint64_t> tx_history;
    std::uint64_t reading = 0;
  };

  std::map<std::uint32_t, Entry> entries_;
  std::uint64_t last_ns_ = 0;
  std::uint64_t reading_ = 0;
};

// Where the default route leads.
struct Gateway {
  Address address;
  std::uint32_t index = 0;  // of the interface
};

// The interfaces of the network namespace of the thread that opened it. Each platform has its own.
class InterfaceSource {
 public:
  static Result<InterfaceSource> open();
  InterfaceSource(InterfaceSource&&) noexcept;
  InterfaceSource& operator=(InterfaceSource&&) noexcept;
  ~InterfaceSource();

  // By index, without rates.
  Result<std::vector<Interface>> read();
  // IPv4 before IPv6; if there are several, the one that the kernel prefers. Empty: no default
  // route, or one without a gateway.
  Result<std::optional<Gateway>> default_gateway();

 private:
  struct Impl;
  explicit InterfaceSource(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
