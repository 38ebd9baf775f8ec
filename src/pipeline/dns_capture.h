// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "pipeline/dns_watcher.h"
#include "pipeline/host_packets.h"
#include "track/packet_owners.h"

namespace sockscope {

// DNS without eBPF: packets of port 53 in the caller's network namespace, from libpcap. They wait
// in the kernel until they are asked for, just after the sockets were read, because a message's
// process is known only if its socket was among those. Only messages from and to addresses of this
// host are reported, not forwarded ones.
class DnsCapture {
 public:
  // Needs CAP_NET_RAW, for this call only. Errors: those of Pcap::open.
  static Result<DnsCapture> open(std::uint32_t netns);

  // The name of the door, and what it cannot see.
  static constexpr const char* kDoor = "libpcap/port 53";
  static constexpr const char* kLimits =
      "the process is known only of sockets that live until a poll";

  // sockets: all existing ones that DNS may be spoken with. Errors: kIo.
  Result<void> read(const Snapshot& sockets, DnsWatcher& watcher,
                    const std::function<void(Event&)>& tell);
  // Packets dropped by the kernel for want of room.
  std::uint64_t dropped() const { return packets_.dropped(); }

 private:
  struct Last {
    std::vector<std::byte> payload;
    PacketEnds ends;
    std::uint32_t interface = 0;
  };

  DnsCapture(HostPackets packets, std::uint32_t netns)
      : packets_(std::move(packets)),
        netns_(netns),
        owners_(netns, {.keep_closed_ns = 1'000'000'000}) {}

  bool is_again(const PacketView& view, const PacketEnds& ends);
  Result<void> take(const PacketView& view, std::uint64_t mono_ns, std::uint64_t now_ns,
                    DnsWatcher& watcher, const std::function<void(Event&)>& tell);

  HostPackets packets_;
  std::uint32_t netns_;
  PacketOwners owners_;
  Last last_;
};

}  // namespace sockscope
