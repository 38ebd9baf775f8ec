// SPDX-License-Identifier: Apache-2.0
#include "decode/packet.h"

#include <algorithm>
#include <cstring>

namespace sockscope {
namespace {

constexpr unsigned kEtherIpv4 = 0x0800;
constexpr unsigned kEtherIpv6 = 0x86dd;
constexpr unsigned kEtherVlan = 0x8100;
constexpr unsigned kEtherServiceVlan = 0x88a8;
constexpr unsigned kEtherOldServiceVlan = 0x9100;
constexpr unsigned kPacketOutgoing = 4;  // in captures with a "cooked" link header
// No network stack makes a longer chain of headers: more is hostile.
constexpr int kMostVlanTags = 4;
constexpr int kMostExtensions = 16;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kMobility = 135;
constexpr std::uint8_t kHostIdentity = 139;
constexpr std::uint8_t kShim6 = 140;

// The rest of a packet: the captured bytes, and how many there were on the wire.
class Bytes {
 public:
  Bytes(std::span<const std::byte> captured, std::size_t wire_size) noexcept
      : captured_(captured.first(std::min(captured.size(), wire_size))), wire_size_(wire_size) {}

  bool has(std::size_t count) const noexcept { return captured_.size() >= count; }
  std::uint8_t byte(std::size_t at) const noexcept {
    return std::to_integer<std::uint8_t>(captured_[at]);
  }
  std::uint16_t word(std::size_t at) const noexcept {
    return static_cast<std::uint16_t>(byte(at) << 8 | byte(at + 1));
  }
  std::uint32_t long_word(std::size_t at) const noexcept {
    return static_cast<std::uint32_t>(word(at)) << 16 | word(at + 2);
  }
  const std::byte* at(std::size_t offset) const noexcept { return captured_.data() + offset; }
  // count: at most what has() allows.
  void skip(std::size_t count) noexcept {
    captured_ = captured_.subspan(count);
    wire_size_ -= count;
  }
  void cut(std::size_t size) noexcept {
    wire_size_ = std::min(wire_size_, size);
    captured_ = captured_.first(std::min(captured_.size(), wire_size_));
  }
  std::span<const std::byte> captured() const noexcept { return captured_; }
  std::size_t wire_size() const noexcept { return wire_size_; }

 private:
  std::span<const std::byte> captured_;
  std::size_t wire_size_;
};

void set_address(Address& address, const std::byte* bytes, std::uint8_t family) noexcept {
  address.family = family;
  std::memcpy(address.bytes.data(), bytes, family == 4 ? 4 : 16);
}

void decode_transport(Bytes bytes, PacketView& view) noexcept {
  const auto take_payload = [&] {
    view.payload = bytes.captured();
    view.payload_size = static_cast<std::uint32_t>(bytes.wire_size());
  };
  take_payload();
  if (view.fragment_offset != 0) return;
  std::size_t header = 0;
  if (view.protocol == kUdp) {
    if (!bytes.has(8)) return;
    header = 8;
    // 0: a jumbogram, or a packet that is still to be segmented.
    const std::size_t size = bytes.word(4);
    if (size >= header && !view.is_fragment) bytes.cut(size);
  } else if (view.protocol == kTcp) {
    if (!bytes.has(20)) return;
    header = std::size_t{bytes.byte(12)} / 16 * 4;
    if (header < 20 || bytes.wire_size() < header) return;
    view.tcp_sequence = bytes.long_word(4);
    view.tcp_flags = bytes.byte(13);
  } else {
    return;
  }
  view.source.port = bytes.word(0);
  view.destination.port = bytes.word(2);
  view.has_ports = true;
  if (bytes.has(header)) {
    bytes.skip(header);
    take_payload();
  } else {  // the capture ends within TCP's options
    view.payload = {};
    view.payload_size = static_cast<std::uint32_t>(bytes.wire_size() - header);
  }
}

bool decode_ipv4(Bytes bytes, PacketView& view) noexcept {
  if (!bytes.has(20) || bytes.byte(0) >> 4 != 4) return false;
  const std::size_t header = std::size_t{bytes.byte(0)} % 16 * 4;
  if (header < 20 || !bytes.has(header)) return false;
  const std::size_t total = bytes.word(2);
  if (total != 0 && total < header) return false;
  if (total != 0) bytes.cut(total);
  const unsigned fragment = bytes.word(6);
  view.is_fragment = (fragment & 0x3fff) != 0;
  view.fragment_offset = static_cast<std::uint16_t>((fragment & 0x1fff) * 8);
  view.fragment_id = bytes.word(4);
  view.protocol = bytes.byte(9);
  set_address(view.source.addr, bytes.at(12), 4);
  set_address(view.destination.addr, bytes.at(16), 4);
  bytes.skip(header);
  decode_transport(bytes, view);
  return true;
}

bool decode_ipv6(Bytes bytes, PacketView& view) noexcept {
  constexpr std::size_t kHeader = 40;
  if (!bytes.has(kHeader) || bytes.byte(0) >> 4 != 6) return false;
  const std::size_t size = bytes.word(4);
  std::uint8_t next = bytes.byte(6);
  set_address(view.source.addr, bytes.at(8), 6);
  set_address(view.destination.addr, bytes.at(24), 6);
  bytes.skip(kHeader);
  if (size != 0) bytes.cut(size);  // 0: a jumbogram
  for (int count = 0; count < kMostExtensions; ++count) {
    std::size_t length = 0;
    switch (next) {
      case kHopByHop:
      case kRouting:
      case kDestinationOptions:
      case kMobility:
      case kHostIdentity:
      case kShim6:
        if (bytes.has(2)) length = (std::size_t{bytes.byte(1)} + 1) * 8;
        break;
      case kAuthentication:
        if (bytes.has(2)) length = (std::size_t{bytes.byte(1)} + 2) * 4;
        break;
      case kFragment:
        length = 8;
        if (bytes.has(length)) {
          view.is_fragment = (bytes.word(2) & 0xfff9) != 0;
          view.fragment_offset = static_cast<std::uint16_t>(bytes.word(2) & 0xfff8);
          view.fragment_id = bytes.long_word(4);
        }
        break;
      default:
        view.protocol = next;
        decode_transport(bytes, view);
        return true;
    }
    view.protocol = next;
    if (length == 0 || !bytes.has(length)) break;
    next = bytes.byte(0);
    bytes.skip(length);
    if (view.fragment_offset != 0) {  // what follows is from the middle of a datagram
      view.protocol = next;
      break;
    }
  }
  view.payload = bytes.captured();
  view.payload_size = static_cast<std::uint32_t>(bytes.wire_size());
  return true;
}

bool decode_ip(Bytes bytes, PacketView& view) noexcept {
  if (!bytes.has(1)) return false;
  return bytes.byte(0) >> 4 == 6 ? decode_ipv6(bytes, view) : decode_ipv4(bytes, view);
}

// Decodes what follows a link header that names its protocol. VLAN tags come before the type of IP.
bool decode_ether(unsigned type, Bytes bytes, PacketView& view) noexcept {
  for (int tags = 0; tags < kMostVlanTags; ++tags) {
    if (type == kEtherIpv4) return decode_ipv4(bytes, view);
    if (type == kEtherIpv6) return decode_ipv6(bytes, view);
    if (type != kEtherVlan && type != kEtherServiceVlan && type != kEtherOldServiceVlan)
      return false;
    if (!bytes.has(4)) return false;
    type = bytes.word(2);
    bytes.skip(4);
  }
  return false;
}

bool decode_link(LinkType link, Bytes bytes, PacketView& view) noexcept {
  unsigned type = 0;
  switch (link) {
    case LinkType::kEthernet:
      if (!bytes.has(14)) return false;
      type = bytes.word(12);
      bytes.skip(14);
      return decode_ether(type, bytes, view);
    case LinkType::kLinuxSll:
      if (!bytes.has(16)) return false;
      view.is_outgoing = bytes.word(0) == kPacketOutgoing;
      type = bytes.word(14);
      bytes.skip(16);
      return decode_ether(type, bytes, view);
    case LinkType::kLinuxSll2:
      if (!bytes.has(20)) return false;
      type = bytes.word(0);
      view.is_outgoing = bytes.byte(10) == kPacketOutgoing;
      bytes.skip(20);
      return decode_ether(type, bytes, view);
    case LinkType::kNull:
    case LinkType::kLoop:
      // The number of the IPv6 family differs between systems, so the IP version is used instead.
      if (!bytes.has(4)) return false;
      bytes.skip(4);
      return decode_ip(bytes, view);
    case LinkType::kRaw: return decode_ip(bytes, view);
    case LinkType::kIpv4: return decode_ipv4(bytes, view);
    case LinkType::kIpv6: return decode_ipv6(bytes, view);
  }
  return false;
}

}  // namespace

bool is_known(LinkType link) noexcept {
  switch (link) {
    case LinkType::kNull:
    case LinkType::kEthernet:
    case LinkType::kRaw:
    case LinkType::kLoop:
    case LinkType::kLinuxSll:
    case LinkType::kIpv4:
    case LinkType::kIpv6:
    case LinkType::kLinuxSll2: return true;
  }
  return false;
}

std::uint32_t interface_of(LinkType link, std::span<const std::byte> bytes) noexcept {
  const Bytes header(bytes, bytes.size());
  return link == LinkType::kLinuxSll2 && header.has(8) ? header.long_word(4) : 0;
}

std::optional<PacketView> decode_packet(LinkType link, std::span<const std::byte> bytes,
                                        std::size_t wire_size) noexcept {
  PacketView view;
  if (!decode_link(link, Bytes(bytes, std::max(wire_size, bytes.size())), view))
    return std::nullopt;
  view.interface_index = interface_of(link, bytes);
  return view;
}

}  // namespace sockscope
