// SPDX-License-Identifier: Apache-2.0
#include <net/if.h>
#include <sockscope/packets.h>

#include <array>
#include <map>
#include <tuple>

#include "base/clock.h"
#include "base/kernel_namespace.h"
#include "decode/packet.h"
#include "pipeline/translation_watcher.h"
#include "pipeline/waker.h"
#include "source/pcap/pcap.h"
#include "track/packet_owners.h"

namespace sockscope {
namespace {

constexpr std::uint32_t kLoopbackIndex = 1;  // in every network namespace
constexpr std::size_t kPacketsAtOnce = 4096;
constexpr std::size_t kMostFragmented = 1024;

using AddressBytes = std::array<std::uint8_t, 16>;
// Identifies a datagram in fragments: addresses, protocol and id.
using Datagram = std::tuple<AddressBytes, AddressBytes, std::uint8_t, std::uint32_t>;

}  // namespace

struct PacketCapture::Impl {
  Impl(Pcap opened, std::uint32_t index, std::optional<TranslationWatcher> watcher)
      : pcap(std::move(opened)),
        interface_index(index),
        translations(std::move(watcher)),
        owners(home_netns(), {}, translations ? &translations->translations() : nullptr) {}

  std::optional<PacketEnds> ends_of(const PacketView& view);
  void note_handed_over(const Packet& packet) {
    if (!packet.is_sent() && !packet.is_received()) ++unattributed;
  }

  Pcap pcap;
  std::uint32_t interface_index;                   // 0: any
  std::optional<TranslationWatcher> translations;  // empty: not available
  PacketOwners owners;
  Waker waker;
  std::map<Datagram, std::pair<std::uint16_t, std::uint16_t>> ports;  // from first fragments
  std::uint64_t received = 0;
  std::uint64_t unattributed = 0;
};

// Only the first fragment of a datagram has its ports.
std::optional<PacketEnds> PacketCapture::Impl::ends_of(const PacketView& view) {
  const auto protocol = static_cast<Protocol>(view.protocol);
  if (protocol != Protocol::kTcp && protocol != Protocol::kUdp) return std::nullopt;
  PacketEnds ends{.protocol = protocol, .source = view.source, .destination = view.destination};
  if (!view.is_fragment) return view.has_ports ? std::optional(ends) : std::nullopt;
  const Datagram datagram{view.source.addr.bytes, view.destination.addr.bytes, view.protocol,
                          view.fragment_id};
  if (view.has_ports) {
    if (ports.size() >= kMostFragmented) ports.clear();
    ports[datagram] = {view.source.port, view.destination.port};
    return ends;
  }
  const auto found = ports.find(datagram);
  if (found == ports.end()) return std::nullopt;
  std::tie(ends.source.port, ends.destination.port) = found->second;
  return ends;
}

Result<PacketCapture> PacketCapture::open(const PacketOptions& options) {
  auto pcap = Pcap::open({.interface = options.interface,
                          .filter = options.packet_filter,
                          .snap_length = options.snap_length});
  if (!pcap) return tl::make_unexpected(std::move(pcap).error());
  if (!is_known(static_cast<LinkType>(pcap->link_type())))
    return tl::make_unexpected(
        Error(ErrorKind::kUnsupportedPlatform, {}, "capture on " + options.interface)
            .with_detail("its packets have a link header of type " +
                         std::to_string(pcap->link_type()) + ", which is not understood")
            .with_hint("capture without -i, on all interfaces"));
  const std::uint32_t index = ::if_nametoindex(options.interface.c_str());
  // If refused, packets are treated as not translated.
  std::optional<TranslationWatcher> translations;
  if (auto opened = TranslationWatcher::open()) translations.emplace(std::move(*opened));
  auto impl = std::make_unique<Impl>(std::move(*pcap), index, std::move(translations));
  if (auto done = impl->waker.open(); !done) return tl::make_unexpected(std::move(done).error());
  for (const int file : {impl->pcap.fd(), impl->translations ? impl->translations->fd() : -1})
    if (auto done = impl->waker.add(file); !done)
      return tl::make_unexpected(std::move(done).error());
  return PacketCapture(std::move(impl));
}

PacketCapture::PacketCapture(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
PacketCapture::PacketCapture(PacketCapture&&) noexcept = default;
PacketCapture& PacketCapture::operator=(PacketCapture&&) noexcept = default;
PacketCapture::~PacketCapture() = default;

int PacketCapture::fd() const noexcept {
  return impl_->waker.fd();
}
std::uint16_t PacketCapture::link_type() const noexcept {
  return impl_->pcap.link_type();
}
void PacketCapture::note(const Event& event) {
  impl_->owners.note(event);
}
void PacketCapture::note(const Snapshot& snapshot) {
  impl_->owners.note(snapshot);
}
bool PacketCapture::wants_snapshot() const {
  return impl_->owners.wants_snapshot(mono_now_ns());
}
bool PacketCapture::is_holding() const noexcept {
  return impl_->owners.is_holding();
}

Result<std::size_t> PacketCapture::read(const Handler& handler) {
  std::size_t count = 0;
  const PacketOwners::Handler take = [&](const Packet& packet) {
    impl_->note_handed_over(packet);
    ++count;
    handler(packet);
  };
  if (impl_->translations)
    if (auto done = impl_->translations->update(); !done) return tl::make_unexpected(done.error());
  const std::uint64_t now = mono_now_ns();
  const std::uint64_t booted_wall_ns = clock_ns(CLOCK_REALTIME) - now;
  const auto link = static_cast<LinkType>(link_type());
  CapturedPacket captured;
  // Limited, so that the caller can also attend to other things.
  for (std::size_t read = 0; read < kPacketsAtOnce; ++read) {
    const auto got = impl_->pcap.next(captured);
    if (!got) return tl::make_unexpected(got.error());
    if (!*got) break;
    ++impl_->received;
    const auto view = decode_packet(link, captured.bytes, captured.wire_size);
    auto ends = view ? impl_->ends_of(*view) : std::nullopt;
    if (ends && captured.wall_ns > booted_wall_ns) ends->at_ns = captured.wall_ns - booted_wall_ns;
    const std::uint32_t told = interface_of(link, captured.bytes);
    const std::uint32_t index = told != 0 ? told : impl_->interface_index;
    impl_->owners.offer({.wall_ns = captured.wall_ns,
                         .wire_size = captured.wire_size,
                         .bytes = captured.bytes,
                         .interface_index = told},
                        ends, index == kLoopbackIndex, now, take);
  }
  impl_->owners.release(now, take);
  return count;
}

Result<std::size_t> PacketCapture::finish(const Handler& handler) {
  auto count = read(handler);
  if (!count) return count;
  impl_->owners.finish([&](const Packet& packet) {
    impl_->note_handed_over(packet);
    ++*count;
    handler(packet);
  });
  return count;
}

PacketCounts PacketCapture::counts() const {
  return {.received = impl_->received,
          .dropped = impl_->pcap.dropped(),
          .unattributed = impl_->unattributed};
}

}  // namespace sockscope
