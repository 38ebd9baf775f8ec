// SPDX-License-Identifier: Apache-2.0
// A captured packet from its link header down to the payload of TCP and UDP. Pure.
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sockscope {

// Numbers of LINKTYPE_ in capture files; a live capture's raw IP (DLT_RAW 12) has another number
// there.
enum class LinkType : std::uint16_t {
  kNull = 0,  // BSD loopback: address family in the byte order of the capturing host
  kEthernet = 1,
  kRaw = 101,   // IPv4 or IPv6, by its version
  kLoop = 108,  // OpenBSD loopback: the family in network order
  kLinuxSll = 113,
  kIpv4 = 228,
  kIpv6 = 229,
  kLinuxSll2 = 276,
};

// Whether decode_packet() reads it.
bool is_known(LinkType link) noexcept;

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPush = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpUrgent = 0x20;

// What one packet says. The payload is a part of the bytes given to decode_packet().
struct PacketView {
  Endpoint source;  // ports are 0 without has_ports
  Endpoint destination;
  std::uint8_t protocol = 0;  // of IP: 6 TCP, 17 UDP, 1 ICMP, …; behind IPv6's extension headers
  // Ports, and for TCP sequence and flags, are known: TCP or UDP, its header captured, and no later
  // fragment of a datagram.
  bool has_ports = false;
  bool is_fragment = false;           // one of several
  std::uint16_t fragment_offset = 0;  // bytes into the datagram
  std::uint32_t fragment_id = 0;      // what joins them, with addresses and protocol
  std::uint8_t tcp_flags = 0;
  std::uint32_t tcp_sequence = 0;
  std::optional<bool> is_outgoing;    // cooked captures tell
  std::uint32_t interface_index = 0;  // SLL2 tells; 0: not known
  // Behind TCP's or UDP's header, else behind IP's, as far as it was captured.
  std::span<const std::byte> payload;
  // Its bytes on the wire: padding of short frames is none of it. The rest of what is on the wire,
  // where a packet yet to be segmented does not tell its length.
  std::uint32_t payload_size = 0;
};

// The interface that the packet passed, as its link header tells it; 0: it does not.
std::uint32_t interface_of(LinkType link, std::span<const std::byte> bytes) noexcept;

// wire_size: bytes the packet had, of which `bytes` may be the first only. Empty: no whole IP
// header, or another protocol than IP.
std::optional<PacketView> decode_packet(LinkType link, std::span<const std::byte> bytes,
                                        std::size_t wire_size) noexcept;

}  // namespace sockscope
