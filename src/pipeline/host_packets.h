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

// Packets of the caller's network namespace on any interface, from libpcap. They wait in the kernel
// until they are asked for.
class HostPackets {
 public:
  // Needs CAP_NET_RAW, for this call only. Errors: those of Pcap::open.
  static Result<HostPackets> open(std::string filter, std::uint32_t snap_length,
                                  std::size_t buffer_bytes);

  // mono_ns: when it passed, CLOCK_MONOTONIC.
  using Take = std::function<Result<void>(const PacketView& packet, std::uint64_t mono_ns)>;
  // Hands over the waiting packets that have ports, at most some 65,000. Errors: kIo, and any error
  // of `take`, which ends it.
  Result<void> read(const Take& take);
  // Whether the address belongs to this host. Errors: kIo.
  Result<bool> is_own(const Address& address, std::uint64_t now_ns) {
    return addresses_.has(address, now_ns);
  }
  // Packets dropped by the kernel for want of room.
  std::uint64_t dropped() const { return pcap_.dropped(); }

 private:
  HostPackets(Pcap pcap, OwnAddresses addresses)
      : pcap_(std::move(pcap)), addresses_(std::move(addresses)) {}

  Pcap pcap_;
  OwnAddresses addresses_;
};

}  // namespace sockscope
