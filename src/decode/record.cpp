// SPDX-License-Identifier: Apache-2.0
#include "decode/record.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "decode/address.h"
#include "wire/record.h"

namespace sockscope {
namespace {

constexpr std::uint8_t kAfInet6 = 10;

TcpState decode_state(std::uint8_t number) noexcept {
  return number <= WIRE_TCP_STATE_LAST ? TcpState{number} : TcpState::kNone;
}

void decode_addresses(const wire_flow& record, Flow& flow) noexcept {
  set_addresses(record.family == kAfInet6, record.local_addr, record.remote_addr, flow);
  flow.local.port = record.local_port;
  flow.remote.port = record.remote_port;
}

bool decode_flow(const wire_flow& record, Flow& flow) noexcept {
  if (record.protocol != 6 && record.protocol != 17) return false;
  if (record.family != 2 && record.family != kAfInet6) return false;
  flow.cookie = record.cookie;
  flow.peer_of = 0;
  flow.conn_id = ConnectionId::kUnknown;
  flow.app = App::kUnknown;
  flow.netns = record.header.netns;
  flow.protocol = Protocol{record.protocol};
  flow.direction =
      record.direction <= WIRE_DIRECTION_LISTEN ? Direction{record.direction} : Direction::kUnknown;
  flow.state = decode_state(record.state);
  if (flow.state == TcpState::kListen) flow.direction = Direction::kListen;
  flow.closed = false;
  flow.has_counters = true;
  flow.interface = record.interface;
  flow.ipv6_only.reset();
  decode_addresses(record, flow);

  flow.owner.pid = record.pid;
  flow.owner.opener_pid = record.opener_pid;
  flow.owner.start_ns = record.process_start_ns;
  flow.owner.cgroup_id = record.cgroup_id;
  flow.owner.uid.reset();
  if (record.uid != WIRE_UID_UNKNOWN) flow.owner.uid = record.uid;
  flow.owner.kind =
      record.owner <= WIRE_OWNER_KERNEL ? OwnerKind{record.owner} : OwnerKind::kUnknown;
  std::memcpy(flow.owner.comm.data(), record.comm, sizeof record.comm);
  flow.owner.process.reset();
  flow.holders.reset();
  flow.remote_name.reset();
  flow.translation.reset();
  flow.other_end.reset();

  flow.opened_ns = record.since_ns;
  flow.closed_ns = 0;
  flow.tx_rate.reset();
  flow.rx_rate.reset();
  return true;
}

// Record: wire_flow_totals or wire_counters.
template <class Record>
void decode_counters(const Record& record, Counters& counters) noexcept {
  counters = {.tx_bytes = record.tx_bytes,
              .rx_bytes = record.rx_bytes,
              .tx_segments = record.tx_segments,
              .rx_segments = record.rx_segments,
              .retransmits = record.retransmits,
              .srtt_us = record.srtt_us,
              .min_rtt_us = record.min_rtt_us};
}

// Fills in what depends on the record's type. False: not an event.
bool decode_what(const wire_flow& record, Event& event) noexcept {
  switch (record.header.type) {
    case WIRE_CONNECT_V4:
    case WIRE_CONNECT_V6: event.what = event::Connect{.latency_us = record.value}; return true;
    case WIRE_ACCEPT: event.what = event::Accept{}; return true;
    case WIRE_CLOSE: {
      auto& close = event.what.emplace<event::Close>();
      close.old_state = decode_state(record.old_state);
      event.flow.closed = true;
      event.flow.closed_ns = record.header.mono_ns;
      if (record.since_ns != 0 && record.header.mono_ns >= record.since_ns)
        close.duration_us = (record.header.mono_ns - record.since_ns) / 1000;
      return true;
    }
    case WIRE_CONNECT_FAILED:
      event.what =
          event::ConnectFailed{.error = static_cast<int>(record.value), .latency_us = record.extra};
      return true;
    case WIRE_RETRANSMIT:
      event.what = event::Retransmit{};
      event.flow.counters.retransmits = record.value;
      return true;
    case WIRE_RESET: event.what = event::Reset{.sent = record.value == WIRE_SENT}; return true;
    case WIRE_OWNER: event.what = event::OwnerChange{}; return true;
    case WIRE_ATTEMPT: event.what = event::Attempt{}; return true;
    case WIRE_STATE:
      event.what = event::StateChange{.old_state = decode_state(record.old_state)};
      return true;
    case WIRE_DATA:
      event.what = event::Data{.sent = record.extra == WIRE_SENT, .bytes = record.value};
      return true;
    case WIRE_REFUSED:
      event.what = event::Refused{.attempts = std::uint64_t{record.value} + 1};
      event.flow.has_counters = false;
      return true;
    default: return false;
  }
}

}  // namespace

bool decode_event(std::span<const std::byte> bytes, Event& event) noexcept {
  union {
    wire_flow flow;
    wire_flow_totals totals;
    wire_retransmit retransmit;
  } record;
  if (bytes.size() < sizeof record.flow) return false;
  std::memcpy(&record.flow, bytes.data(), sizeof record.flow);
  const std::uint16_t type = record.flow.header.type;
  const bool has_totals = type == WIRE_CLOSE || type == WIRE_CONNECT_FAILED;
  const std::size_t expected = has_totals                ? sizeof record.totals
                               : type == WIRE_RETRANSMIT ? sizeof record.retransmit
                                                         : sizeof record.flow;
  if (record.flow.header.size != expected || bytes.size() < expected) return false;
  std::memcpy(&record, bytes.data(), expected);

  event.mono_ns = record.flow.header.mono_ns;
  if (!decode_flow(record.flow, event.flow)) return false;
  event.flow.counters = {};
  if (has_totals) decode_counters(record.totals, event.flow.counters);
  if (!decode_what(record.flow, event)) return false;
  if (auto* const retransmit = std::get_if<event::Retransmit>(&event.what))
    *retransmit = {.segments = record.retransmit.segments,
                   .sequence = record.retransmit.sequence,
                   .congestion_window = record.retransmit.window,
                   .prior_window = record.retransmit.prior_window};
  return true;
}

Opening decode_opening(std::span<const std::byte> bytes) noexcept {
  wire_flow record;
  if (bytes.size() < sizeof record) return {};
  // Most records have another type, so the rest is not copied for them.
  std::memcpy(&record.header, bytes.data(), sizeof record.header);
  if (record.header.type != WIRE_CLOSE && record.header.type != WIRE_SOCKET) return {};
  std::memcpy(&record, bytes.data(), sizeof record);
  return {.state = decode_state(static_cast<std::uint8_t>(std::min(record.extra, 255u))),
          .latency_us = record.value};
}

Isns decode_isns(std::span<const std::byte> bytes) noexcept {
  wire_flow record;
  if (bytes.size() < sizeof record) return {};
  std::memcpy(&record, bytes.data(), sizeof record);
  return {record.local_isn, record.remote_isn};
}

bool is_dns_record(std::span<const std::byte> bytes) noexcept {
  wire_header header;
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.type == WIRE_DNS;
}

bool decode_dns_packet(std::span<const std::byte> bytes, Event& event,
                       DnsPayload& payload) noexcept {
  wire_dns record;
  if (bytes.size() < sizeof record) return false;
  std::memcpy(&record, bytes.data(), sizeof record);
  if (record.captured > WIRE_DNS_MOST || record.captured > record.payload_size ||
      record.flow.header.size != sizeof record + record.captured ||
      bytes.size() < record.flow.header.size || !decode_flow(record.flow, event.flow))
    return false;
  event.what = event::Dns{.sent = record.flow.extra == WIRE_SENT, .message = nullptr};
  event.mono_ns = record.flow.header.mono_ns;
  event.flow.counters = {};
  event.flow.has_counters = false;
  payload = {.bytes = bytes.subspan(sizeof record, record.captured),
             .whole_size = record.payload_size,
             .sequence = record.sequence,
             .stream = event.flow.cookie};
  return true;
}

bool decode_udp_peer(const wire_udp_peer_key& key, const wire_udp_peer& value,
                     UdpPeer& peer) noexcept {
  if (key.family != 2 && key.family != kAfInet6) return false;
  Flow ends;
  set_addresses(key.family == kAfInet6, key.remote_addr, key.remote_addr, ends);
  peer = {.socket = key.cookie,
          .remote = {ends.remote.addr, ntohs(key.remote_port)},
          .interface = key.interface,
          .since_ns = value.since_ns,
          .counters = {.tx_bytes = value.tx_bytes,
                       .rx_bytes = value.rx_bytes,
                       .tx_segments = value.tx_datagrams,
                       .rx_segments = value.rx_datagrams}};
  return true;
}

bool is_datagram_record(std::span<const std::byte> bytes) noexcept {
  wire_header header;
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.type == WIRE_DATAGRAM;
}

bool decode_datagram(std::span<const std::byte> bytes, Datagram& datagram) noexcept {
  wire_datagram record;
  if (bytes.size() < sizeof record) return false;
  std::memcpy(&record, bytes.data(), sizeof record);
  if (record.header.size != sizeof record || record.payload_size < WIRE_DATAGRAM_START)
    return false;
  datagram = {.socket = record.cookie,
              .start = bytes.subspan(offsetof(wire_datagram, start), WIRE_DATAGRAM_START),
              .whole_size = record.payload_size};
  return true;
}

std::size_t decode_socket(std::span<const std::byte> bytes, PolledSocket& socket,
                          bool& is_short) noexcept {
  Flow& flow = socket.flow;
  wire_header header;
  if (bytes.size() < sizeof header) return 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  is_short = header.type == WIRE_COUNTERS;
  if (is_short) {
    wire_counters record;
    if (header.size != sizeof record || bytes.size() < sizeof record) return 0;
    std::memcpy(&record, bytes.data(), sizeof record);
    flow.cookie = record.cookie;
    flow.state = decode_state(record.state);
    decode_counters(record, flow.counters);
    return sizeof record;
  }
  const bool is_listener = header.type == WIRE_LISTENER;
  if (!is_listener && header.type != WIRE_SOCKET) return 0;
  wire_listener listener;
  wire_flow_totals& record = listener.totals;
  const std::size_t size = is_listener ? sizeof listener : sizeof record;
  if (header.size != size || bytes.size() < size) return 0;
  std::memcpy(&listener, bytes.data(), size);
  if (!decode_flow(record.flow, flow)) return 0;
  socket.drops.reset();
  if (is_listener) {
    socket.waiting = listener.waiting;
    socket.backlog = listener.backlog;
    socket.drops = listener.drops;
  }
  decode_counters(record, flow.counters);
  flow.has_counters = flow.state != TcpState::kTimeWait && flow.state != TcpState::kNewSynRecv;
  if (record.ipv6_only != 0 && flow.local.addr.family == 6)
    flow.ipv6_only = record.ipv6_only == WIRE_IPV6_ONLY;
  return size;
}

}  // namespace sockscope
