// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "pipeline/host_packets.h"

namespace sockscope {

// SYNs that meet no listener, without eBPF: the resets with which the kernel answers them, as
// libpcap shows them, of the caller's network namespace.
class RefusalCapture {
 public:
  // Needs CAP_NET_RAW, for this call only. Errors: those of Pcap::open.
  static Result<RefusalCapture> open(std::uint32_t netns);

  // How the door is called, and what it cannot do.
  static constexpr const char* kDoor = "libpcap/resets";
  static constexpr const char* kLimits = "a firewall's own resets count too";

  // Of many only some are told one by one, and those count the others. Errors: kIo.
  Result<void> read(const std::function<void(Event&)>& tell);
  // Packets that the kernel had no room for.
  std::uint64_t dropped() const { return packets_.dropped(); }

 private:
  RefusalCapture(HostPackets packets, std::uint32_t netns)
      : packets_(std::move(packets)), netns_(netns) {}

  Result<bool> is_news(const PacketView& packet);

  HostPackets packets_;
  std::uint32_t netns_;
  std::uint64_t untold_ = 0;
  // Of the packet before.
  Endpoint local_;
  Endpoint remote_;
  std::uint32_t interface_ = 0;
};

}  // namespace sockscope
