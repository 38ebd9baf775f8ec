// SPDX-License-Identifier: Apache-2.0
// Records of the kernel programs (wire/record.h) to values. Pure; reads nothing outside the span,
// whatever the bytes are.
#pragma once

#include <sockscope/event.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/udp_peer.h"

struct wire_udp_peer_key;
struct wire_udp_peer;

namespace sockscope {

// One record of the ring buffer. False when the bytes are no record that this version knows: then
// event is left in an unspecified state.
bool decode_event(std::span<const std::byte> bytes, Event& event) noexcept;

// One record of a snapshot pass; bytes may hold more after it. Returns its size, 0 when the bytes
// hold no complete record. Of a short record only cookie, state and counters are filled, and
// is_short is true.
std::size_t decode_socket(std::span<const std::byte> bytes, Flow& flow, bool& is_short) noexcept;

// What a packet of DNS carries, valid as long as the record: `bytes` are its beginning.
struct DnsPayload {
  std::span<const std::byte> bytes;
  std::size_t whole_size = 0;
  std::uint32_t sequence = 0;  // TCP: of the first byte
  std::uint64_t stream = 0;    // TCP: tells connections apart; 0: nothing does
};

bool is_dns_record(std::span<const std::byte> bytes) noexcept;

// Fills time and flow of the event and which way the packet went, but not its message; and what the
// packet carries. False: the bytes are no such record.
bool decode_dns_packet(std::span<const std::byte> bytes, Event& event,
                       DnsPayload& payload) noexcept;

// An element of the kernel side's map of UDP peers. False: its address family is none.
bool decode_udp_peer(const wire_udp_peer_key& key, const wire_udp_peer& value,
                     UdpPeer& peer) noexcept;

// How a datagram begins that a UDP socket sent, valid as long as the record.
struct Datagram {
  std::uint64_t socket = 0;  // its cookie
  std::span<const std::byte> start;
  std::size_t whole_size = 0;  // of the datagram's payload
};

bool is_datagram_record(std::span<const std::byte> bytes) noexcept;

// False: the bytes are no such record.
bool decode_datagram(std::span<const std::byte> bytes, Datagram& datagram) noexcept;

}  // namespace sockscope
