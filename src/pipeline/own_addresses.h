// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/address.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "host/interfaces.h"

namespace sockscope {

// The addresses of this host in the network namespace in which it was opened. They are read again
// at most once a second, when an unknown address is asked for.
class OwnAddresses {
 public:
  explicit OwnAddresses(InterfaceSource interfaces) : interfaces_(std::move(interfaces)) {}

  // Errors: kIo.
  Result<bool> has(const Address& address, std::uint64_t now_ns) {
    const auto is_known = [&] { return std::ranges::find(known_, address) != known_.end(); };
    if (address.is_loopback() || is_known()) return true;
    constexpr std::uint64_t kSecond = 1'000'000'000;
    if (read_ns_ != 0 && now_ns - read_ns_ < kSecond) return false;
    auto interfaces = interfaces_.read();
    if (!interfaces) return tl::make_unexpected(std::move(interfaces).error());
    read_ns_ = now_ns;
    known_.clear();
    for (const Interface& interface : *interfaces)
      for (const InterfaceAddress& own : interface.addresses) known_.push_back(own.address);
    return is_known();
  }

 private:
  InterfaceSource interfaces_;
  std::vector<Address> known_;
  std::uint64_t read_ns_ = 0;
};

}  // namespace sockscope
