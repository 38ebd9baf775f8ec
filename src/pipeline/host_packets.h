// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "decode/packet.h"
#include "pipeline/own_addresses.h"
#include "source/pcap/pcap.h"

namespace sockscope {

// Packets of the caller's network namespace as libpcap shows them, on any interface. They wait in
// the kernel until they are asked for.
class HostPackets {
 public:
  // Needs CAP_NET_RAW, for this call only. Errors: those of Pcap::open.
  static Result<HostPackets> open(std::string filter, std::uint32_t snap_length,
                                  std::size_t buffer_bytes);

  // mono_ns: when it passed, CLOCK_MONOTONIC.
  using Take = std::function<Result<void>(const PacketView& packet, std::uint64_t mono_ns)>;
  // Those with ports that there are now, some 65,000 at most. Errors: kIo, and that of `take`,
  // which ends it.
  Result<void> read(const Take& take);
  // Whether the address is this host's. Errors: kIo.
  Result<bool> is_own(const Address& address, std::uint64_t now_ns) {
    return addresses_.has(address, now_ns);
  }
  // Packets that the kernel had no room for.
  std::uint64_t dropped() const { return pcap_.dropped(); }

 private:
  HostPackets(Pcap pcap, OwnAddresses addresses)
      : pcap_(std::move(pcap)), addresses_(std::move(addresses)) {}

  Pcap pcap_;
  OwnAddresses addresses_;
};

}  // namespace sockscope
