// SPDX-License-Identifier: Apache-2.0
#include "pipeline/dns_capture.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "base/clock.h"

namespace sockscope {
namespace {

constexpr std::uint32_t kLoopbackIndex = 1;  // in every network namespace
constexpr std::uint32_t kSnapLength = 4'000;
constexpr std::size_t kBufferBytes = std::size_t{4} << 20;

// A number for a connection, made from its ends.
std::uint64_t stream_of(const Event& event) {
  const std::string text = to_string(event.flow.local) + ' ' + to_string(event.flow.remote);
  return std::hash<std::string>{}(text) | 1;
}

}  // namespace

Result<DnsCapture> DnsCapture::open(std::uint32_t netns) {
  auto packets = HostPackets::open("port 53", kSnapLength, kBufferBytes);
  if (!packets) return tl::make_unexpected(std::move(packets).error());
  return DnsCapture(std::move(*packets), netns);
}

// A packet that passes a bridge, bond or VLAN appears again on each of its interfaces.
bool DnsCapture::is_again(const PacketView& view, const PacketEnds& ends) {
  const bool is_same = view.interface_index != last_.interface &&
                       ends.protocol == last_.ends.protocol && ends.source == last_.ends.source &&
                       ends.destination == last_.ends.destination &&
                       std::ranges::equal(view.payload, last_.payload);
  if (is_same) return true;
  last_.interface = view.interface_index;
  last_.ends = ends;
  last_.payload.assign(view.payload.begin(), view.payload.end());
  return false;
}

Result<void> DnsCapture::take(const PacketView& view, std::uint64_t mono_ns, std::uint64_t now_ns,
                              DnsWatcher& watcher, const std::function<void(Event&)>& tell) {
  const PacketEnds ends{static_cast<Protocol>(view.protocol), view.source, view.destination};
  if (is_again(view, ends)) return {};
  const bool stays_here = view.interface_index == kLoopbackIndex;
  Packet packet;
  Flow sender;
  Flow receiver;
  const auto known = [&](const Packet& decided) {
    if (decided.sender != nullptr) sender = *decided.sender;
    if (decided.receiver != nullptr) receiver = *decided.receiver;
  };
  owners_.offer(packet, ends, stays_here, now_ns, known);
  owners_.finish(known);

  for (const bool sent : {true, false}) {
    if (!stays_here && sent != view.is_outgoing.value_or(false)) continue;
    const Flow& socket = sent ? sender : receiver;
    Event event;
    event.mono_ns = mono_ns;
    event.what = event::Dns{.sent = sent, .message = nullptr};
    event.flow.netns = netns_;
    event.flow.protocol = ends.protocol;
    event.flow.local = sent ? ends.source : ends.destination;
    event.flow.remote = sent ? ends.destination : ends.source;
    event.flow.owner = socket.owner;
    event.flow.has_counters = false;
    const auto is_ours = packets_.is_own(event.flow.local.addr, now_ns);
    if (!is_ours) return tl::make_unexpected(is_ours.error());
    if (!*is_ours) continue;
    // Only the first fragment of a datagram gets here, so all that is known of its size is that it
    // is larger.
    const DnsPayload payload{.bytes = view.payload,
                             .whole_size = view.payload_size + (view.is_fragment ? 1u : 0u),
                             .sequence = view.tcp_sequence,
                             .stream = stream_of(event)};
    // The query may have been seen before its socket was, so it and its answer are matched by their
    // ends alone. The cookie is added after that.
    watcher.take(event, payload, [&](const Event& message) {
      Event told = message;
      told.flow.cookie = socket.cookie;
      tell(told);
    });
  }
  return {};
}

Result<void> DnsCapture::read(const Snapshot& sockets, DnsWatcher& watcher,
                              const std::function<void(Event&)>& tell) {
  owners_.note(sockets);
  const std::uint64_t now = mono_now_ns();
  return packets_.read([&](const PacketView& view, std::uint64_t mono_ns) {
    return take(view, mono_ns, now, watcher, tell);
  });
}

}  // namespace sockscope
