// SPDX-License-Identifier: Apache-2.0
#include "pipeline/refusal_capture.h"

#include <utility>

#include "base/clock.h"

namespace sockscope {
namespace {

constexpr std::uint32_t kSnapLength = 256;
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::size_t kToldAtOnce = 512;
// RST and ACK with sequence number 0: only the answer to a SYN looks like this. libpcap's `tcp`
// means TCP over IPv4 only.
constexpr const char* kFilter =
    "(tcp[13] & 0x14 = 0x14 and tcp[4:4] = 0) or "
    "(ip6[6] = 6 and ip6[53] & 0x14 = 0x14 and ip6[44:4] = 0)";

}  // namespace

Result<RefusalCapture> RefusalCapture::open(std::uint32_t netns) {
  auto packets = HostPackets::open(kFilter, kSnapLength, kBufferBytes);
  if (!packets) return tl::make_unexpected(std::move(packets).error());
  return RefusalCapture(std::move(*packets), netns);
}

// False: the packet of another host, or one already seen on another interface.
Result<bool> RefusalCapture::is_news(const PacketView& packet) {
  const bool is_again = packet.interface_index != interface_ && packet.source == local_ &&
                        packet.destination == remote_;
  interface_ = packet.interface_index;
  local_ = packet.source;
  remote_ = packet.destination;
  if (is_again) return false;
  return packets_.is_own(local_.addr, mono_now_ns());
}

Result<void> RefusalCapture::read(const std::function<void(Event&)>& tell) {
  std::size_t told = 0;
  return packets_.read([&](const PacketView& packet, std::uint64_t mono_ns) -> Result<void> {
    const auto is_one = is_news(packet);
    if (!is_one) return tl::make_unexpected(is_one.error());
    if (!*is_one) return {};
    if (told == kToldAtOnce) {
      ++untold_;
      return {};
    }
    ++told;
    Event event;
    event.mono_ns = mono_ns;
    event.what = event::Refused{.attempts = 1 + std::exchange(untold_, 0)};
    event.flow.netns = netns_;
    event.flow.protocol = Protocol::kTcp;
    event.flow.direction = Direction::kInbound;
    event.flow.local = local_;
    event.flow.remote = remote_;
    event.flow.has_counters = false;
    tell(event);
    return {};
  });
}

}  // namespace sockscope
