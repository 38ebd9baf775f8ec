// SPDX-License-Identifier: Apache-2.0
#include "pipeline/refusal_capture.h"

#include <sockscope/monitor.h>

#include <algorithm>

#include "base/clock.h"

namespace sockscope {
namespace {

constexpr std::uint32_t kSnapLength = 256;
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::size_t kMostAtOnce = 65'536;
constexpr std::size_t kToldAtOnce = 512;
// RST and ACK with sequence number 0: nothing else answers a SYN so. libpcap's `tcp` is IPv4's.
constexpr const char* kFilter =
    "(tcp[13] & 0x14 = 0x14 and tcp[4:4] = 0) or "
    "(ip6[6] = 6 and ip6[53] & 0x14 = 0x14 and ip6[44:4] = 0)";

}  // namespace

Result<RefusalCapture> RefusalCapture::open(std::uint32_t netns) {
  auto pcap = Pcap::open({.interface = "any",
                          .filter = kFilter,
                          .snap_length = kSnapLength,
                          .buffer_bytes = kBufferBytes,
                          .at_once = true});
  if (!pcap) return tl::make_unexpected(std::move(pcap).error());
  auto interfaces = InterfaceSource::open();
  if (!interfaces) return tl::make_unexpected(std::move(interfaces).error());
  return RefusalCapture(std::move(*pcap), OwnAddresses(std::move(*interfaces)), netns);
}

// False: another host's, or one that was taken already, on another interface it passed.
Result<bool> RefusalCapture::take(const CapturedPacket& captured, Event& event) {
  const auto link = static_cast<LinkType>(pcap_.link_type());
  const auto view = decode_packet(link, captured.bytes, captured.wire_size);
  if (!view || !view->has_ports) return false;
  const bool is_again = view->interface_index != interface_ && view->source == local_ &&
                        view->destination == remote_;
  interface_ = view->interface_index;
  local_ = view->source;
  remote_ = view->destination;
  if (is_again) return false;
  auto is_own = addresses_.has(local_.addr, mono_now_ns());
  if (!is_own || !*is_own) return is_own;
  const auto wall_ns = static_cast<std::int64_t>(captured.wall_ns);
  event.kind = EventKind::kRefused;
  event.mono_ns =
      static_cast<std::uint64_t>(std::max<std::int64_t>(wall_ns - mono_to_wall_ns(), 0));
  event.flow.netns = netns_;
  event.flow.protocol = Protocol::kTcp;
  event.flow.direction = Direction::kInbound;
  event.flow.local = local_;
  event.flow.remote = remote_;
  event.flow.has_counters = false;
  return true;
}

Result<void> RefusalCapture::read(const std::function<void(const Event&)>& tell) {
  CapturedPacket captured;
  std::size_t told = 0;
  for (std::size_t count = 0; count < kMostAtOnce; ++count) {
    const auto got = pcap_.next(captured);
    if (!got) return tl::make_unexpected(got.error());
    if (!*got) break;
    Event event;
    const auto is_one = take(captured, event);
    if (!is_one) return tl::make_unexpected(is_one.error());
    if (!*is_one) continue;
    if (told == kToldAtOnce) {
      ++untold_;
      continue;
    }
    ++told;
    event.attempts = 1 + std::exchange(untold_, 0);
    tell(event);
  }
  return {};
}

}  // namespace sockscope
