// SPDX-License-Identifier: Apache-2.0
#include "pipeline/host_packets.h"

#include <sockscope/monitor.h>

#include <algorithm>

namespace sockscope {
namespace {

constexpr std::size_t kMostAtOnce = 65'536;

}  // namespace

Result<HostPackets> HostPackets::open(std::string filter, std::uint32_t snap_length,
                                      std::size_t buffer_bytes) {
  auto pcap = Pcap::open({.interface = "any",
                          .filter = std::move(filter),
                          .snap_length = snap_length,
                          .buffer_bytes = buffer_bytes,
                          .at_once = true});
  if (!pcap) return tl::make_unexpected(std::move(pcap).error());
  auto interfaces = InterfaceSource::open();
  if (!interfaces) return tl::make_unexpected(std::move(interfaces).error());
  return HostPackets(std::move(*pcap), OwnAddresses(std::move(*interfaces)));
}

Result<void> HostPackets::read(const Take& take) {
  const auto link = static_cast<LinkType>(pcap_.link_type());
  CapturedPacket captured;
  for (std::size_t count = 0; count < kMostAtOnce; ++count) {
    const auto got = pcap_.next(captured);
    if (!got) return tl::make_unexpected(got.error());
    if (!*got) break;
    const auto view = decode_packet(link, captured.bytes, captured.wire_size);
    if (!view || !view->has_ports) continue;
    const auto wall_ns = static_cast<std::int64_t>(captured.wall_ns);
    const auto mono_ns =
        static_cast<std::uint64_t>(std::max<std::int64_t>(wall_ns - mono_to_wall_ns(), 0));
    if (auto done = take(*view, mono_ns); !done) return done;
  }
  return {};
}

}  // namespace sockscope
