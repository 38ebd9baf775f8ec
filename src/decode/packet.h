// SPDX-License-Identifier: Apache-2.0
// Decodes a captured packet from its link header to the payload of TCP and UDP. Pure.
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sockscope {

// LINKTYPE_ numbers as in capture files. In a live capture raw IP has another number (DLT_RAW 12).
enum class LinkType : std::uint16_t {
  kNull = 0,  // BSD loopback: address family in the byte order of the capturing host
  kEthernet = 1,
  kRaw = 101,   // IPv4 or IPv6, according to its version
  kLoop = 108,  // OpenBSD loopback: the family in network order
  kLinuxSll = 113,
  kIpv4 = 228,
  kIpv6 = 229,
  kLinuxSll2 = 276,
};

// Whether decode_packet() can read it.
bool is_known(LinkType link) noexcept;

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPush = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpUrgent = 0x20;

// The contents of one packet. The payload points into the bytes given to decode_packet().
struct PacketView {
  Endpoint source;  // ports are 0 without has_ports
  Endpoint destination;
  std::uint8_t protocol = 0;  // of IP: 6 TCP, 17 UDP, 1 ICMP, …; after IPv6's extension headers
  // True for TCP and UDP whose header was captured, unless it is a later fragment. Then ports, and
  // for TCP sequence and flags, are known.
  bool has_ports = false;
  bool is_fragment = false;           // one of several
  std::uint16_t fragment_offset = 0;  // bytes into the datagram
  std::uint32_t fragment_id = 0;      // with addresses and protocol, it joins fragments
  std::uint8_t tcp_flags = 0;
  std::uint32_t tcp_sequence = 0;
  std::optional<bool> is_outgoing;    // known in cooked captures
  std::uint32_t interface_index = 0;  // known with SLL2; 0: not known
  // What follows the header of TCP or UDP, else that of IP, as far as it was captured.
  std::span<const std::byte> payload;
  // Size of the payload on the wire, without the padding of short frames. Where a packet that is
  // still to be segmented has no length, everything on the wire after the header.
  std::uint32_t payload_size = 0;
};

// The interface that the packet passed, according to its link header; 0: not known.
std::uint32_t interface_of(LinkType link, std::span<const std::byte> bytes) noexcept;

// wire_size: full size of the packet, of which `bytes` may be only the beginning. Empty: the IP
// header is incomplete, or the protocol is not IP.
std::optional<PacketView> decode_packet(LinkType link, std::span<const std::byte> bytes,
                                        std::size_t wire_size) noexcept;

}  // namespace sockscope
