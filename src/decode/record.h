// SPDX-License-Identifier: Apache-2.0
// Decodes the records of the kernel programs (wire/record.h). Pure; reads nothing outside the span,
// whatever the bytes are.
#pragma once

#include <sockscope/event.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/connection_ids.h"
#include "model/polled_socket.h"
#include "model/udp_peer.h"

struct wire_udp_peer_key;
struct wire_udp_peer;

namespace sockscope {

// Decodes one record of the ring buffer. False when this version does not know such a record;
// `event` is then unspecified.
bool decode_event(std::span<const std::byte> bytes, Event& event) noexcept;

// Decodes one record of a pass over sockets; `bytes` may hold more after it. Returns its size, or 0
// when the bytes hold no complete record. A short record fills in only cookie, state and counters,
// and sets is_short. PolledSocket::drops is there for listening sockets of other network
// namespaces.
std::size_t decode_socket(std::span<const std::byte> bytes, PolledSocket& socket,
                          bool& is_short) noexcept;

// What either of these records says of the opening of a TCP connection that no event has reported.
struct Opening {
  TcpState state = TcpState::kNone;  // kNone: nothing; it was reported, or is older than sockscope
  std::uint32_t latency_us = 0;
};
Opening decode_opening(std::span<const std::byte> bytes) noexcept;

// The initial sequence numbers of a TCP connection's ends, from a record that decode_event() or
// decode_socket() has read; not of a short one.
Isns decode_isns(std::span<const std::byte> bytes) noexcept;

// The contents of a DNS packet, valid as long as the record. `bytes` are its beginning.
struct DnsPayload {
  std::span<const std::byte> bytes;
  std::size_t whole_size = 0;
  std::uint32_t sequence = 0;  // TCP: sequence number of the first byte
  std::uint64_t stream = 0;    // TCP: identifies the connection; 0: nothing does
};

bool is_dns_record(std::span<const std::byte> bytes) noexcept;

// Fills in the event's time, flow and direction, but not its message, and `payload`. False: the
// bytes are no such record.
bool decode_dns_packet(std::span<const std::byte> bytes, Event& event,
                       DnsPayload& payload) noexcept;

// Decodes an element of the kernel programs' map of UDP peers. False: unknown address family.
bool decode_udp_peer(const wire_udp_peer_key& key, const wire_udp_peer& value,
                     UdpPeer& peer) noexcept;

// The beginning of a datagram that a UDP socket sent, valid as long as the record.
struct Datagram {
  std::uint64_t socket = 0;  // its cookie
  std::span<const std::byte> start;
  std::size_t whole_size = 0;  // of the datagram's payload
};

bool is_datagram_record(std::span<const std::byte> bytes) noexcept;

// False: the bytes are no such record.
bool decode_datagram(std::span<const std::byte> bytes, Datagram& datagram) noexcept;

}  // namespace sockscope
