// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "pipeline/host_packets.h"

namespace sockscope {

// SYNs that meet no listener, without eBPF: the resets with which the kernel answers them in the
// caller's network namespace, from libpcap.
class RefusalCapture {
 public:
  // Needs CAP_NET_RAW, for this call only. Errors: those of Pcap::open.
  static Result<RefusalCapture> open(std::uint32_t netns);

  // The name of the door, and what it cannot see.
  static constexpr const char* kDoor = "libpcap/resets";
  static constexpr const char* kLimits = "a firewall's own resets count too";

  // When there are many, only some are reported one by one; each of these counts the unreported
  // ones before it. Errors: kIo.
  Result<void> read(const std::function<void(Event&)>& tell);
  // Packets dropped by the kernel for want of room.
  std::uint64_t dropped() const { return packets_.dropped(); }

 private:
  RefusalCapture(HostPackets packets, std::uint32_t netns)
      : packets_(std::move(packets)), netns_(netns) {}

  Result<bool> is_news(const PacketView& packet);

  HostPackets packets_;
  std::uint32_t netns_;
  std::uint64_t untold_ = 0;
  // Of the previous packet.
  Endpoint local_;
  Endpoint remote_;
  std::uint32_t interface_ = 0;
};

}  // namespace sockscope
