// SPDX-License-Identifier: Apache-2.0
#include "decode/record.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

#include "wire/record.h"

namespace sockscope {
namespace {

wire_flow_totals sample(std::uint16_t type) {
  wire_flow_totals record{};
  record.flow.header = {
      .type = type, .size = sizeof(wire_flow), .netns = 4026531840, .mono_ns = 9'000'000};
  record.flow.cookie = 77;
  record.flow.since_ns = 4'000'000;
  record.flow.cgroup_id = 12;
  record.flow.process_start_ns = 5;
  const std::uint8_t local[4] = {10, 0, 0, 7};
  const std::uint8_t remote[4] = {203, 0, 113, 10};
  std::memcpy(record.flow.local_addr, local, 4);
  std::memcpy(record.flow.remote_addr, remote, 4);
  record.flow.local_port = 48122;
  record.flow.remote_port = 443;
  record.flow.family = 2;
  record.flow.protocol = 6;
  record.flow.state = 1;
  record.flow.old_state = 2;
  record.flow.direction = WIRE_DIRECTION_OUTBOUND;
  record.flow.owner = WIRE_OWNER_EXACT;
  record.flow.pid = 30211;
  record.flow.opener_pid = 30200;
  record.flow.uid = 1000;
  std::strcpy(record.flow.comm, "curl");
  record.tx_bytes = 78;
  record.rx_bytes = 947;
  record.tx_segments = 6;
  record.rx_segments = 5;
  record.retransmits = 2;
  record.srtt_us = 38'200;
  record.min_rtt_us = 21'400;
  if (type == WIRE_CLOSE || type == WIRE_SOCKET || type == WIRE_CONNECT_FAILED)
    record.flow.header.size = sizeof record;
  return record;
}

std::span<const std::byte> bytes_of(const wire_flow_totals& record) {
  return {reinterpret_cast<const std::byte*>(&record), record.flow.header.size};
}

template <class Record>
std::span<const std::byte> whole(const Record& record) {
  return {reinterpret_cast<const std::byte*>(&record), sizeof record};
}

TEST(DecodeOpening, OnlyACloseAndASocketHaveOne) {
  for (const unsigned type : {WIRE_CLOSE, WIRE_SOCKET, WIRE_CONNECT_FAILED, WIRE_ACCEPT}) {
    wire_flow_totals record = sample(static_cast<std::uint16_t>(type));
    record.flow.extra = 3;
    record.flow.value = 21'400;
    const bool has_one = type == WIRE_CLOSE || type == WIRE_SOCKET;
    const Opening opening = decode_opening(bytes_of(record));
    EXPECT_EQ(opening.state, has_one ? TcpState::kSynRecv : TcpState::kNone) << type;
    EXPECT_EQ(opening.latency_us, has_one ? 21'400u : 0u) << type;
    record.flow.extra = 0;
    EXPECT_EQ(decode_opening(bytes_of(record)).state, TcpState::kNone) << type;
    record.flow.extra = WIRE_TCP_STATE_LAST + 1;
    EXPECT_EQ(decode_opening(bytes_of(record)).state, TcpState::kNone) << type;
  }
  EXPECT_EQ(decode_opening(bytes_of(sample(WIRE_CLOSE)).first(10)).state, TcpState::kNone);
}

TEST(DecodeIsns, AreReadFromAnyRecordOfAFlow) {
  for (const unsigned type : {WIRE_CLOSE, WIRE_SOCKET, WIRE_ACCEPT}) {
    wire_flow_totals record = sample(static_cast<std::uint16_t>(type));
    record.flow.local_isn = 4'000'000'000;
    record.flow.remote_isn = 5;
    EXPECT_EQ(decode_isns(bytes_of(record)).local, 4'000'000'000u) << type;
    EXPECT_EQ(decode_isns(bytes_of(record)).remote, 5u) << type;
    EXPECT_EQ(decode_isns(bytes_of(record).first(sizeof record.flow - 1)).remote, 0u) << type;
  }
}

TEST(DecodeEvent, ConnectHasEveryField) {
  wire_flow_totals record = sample(WIRE_CONNECT_V4);
  record.flow.value = 21'400;
  Event event;
  ASSERT_TRUE(decode_event(bytes_of(record), event));
  EXPECT_EQ(event.kind(), EventKind::kConnect);
  EXPECT_EQ(event.mono_ns, 9'000'000u);
  EXPECT_EQ(std::get<event::Connect>(event.what).latency_us, 21'400u);
  const Flow& flow = event.flow;
  EXPECT_EQ(flow.cookie, 77u);
  EXPECT_EQ(flow.netns, 4026531840u);
  EXPECT_EQ(flow.protocol, Protocol::kTcp);
  EXPECT_EQ(flow.direction, Direction::kOutbound);
  EXPECT_EQ(flow.state, TcpState::kEstablished);
  EXPECT_EQ(to_string(flow.local), "10.0.0.7:48122");
  EXPECT_EQ(to_string(flow.remote), "203.0.113.10:443");
  EXPECT_EQ(flow.owner.pid, 30211u);
  EXPECT_EQ(flow.owner.opener_pid, 30200u);
  EXPECT_EQ(flow.owner.start_ns, 5u);
  EXPECT_EQ(flow.owner.cgroup_id, 12u);
  EXPECT_EQ(flow.owner.uid, 1000u);
  EXPECT_EQ(flow.owner.kind, OwnerKind::kExact);
  EXPECT_EQ(flow.owner.name(), "curl");
  EXPECT_EQ(flow.opened_ns, 4'000'000u);
  EXPECT_FALSE(flow.closed);
}

TEST(DecodeEvent, CloseHasTotalsAndDuration) {
  Event event;
  ASSERT_TRUE(decode_event(bytes_of(sample(WIRE_CLOSE)), event));
  EXPECT_EQ(event.kind(), EventKind::kClose);
  EXPECT_EQ(std::get<event::Close>(event.what).duration_us, 5'000u);
  EXPECT_TRUE(event.flow.closed);
  EXPECT_EQ(event.flow.closed_ns, 9'000'000u);
  const Counters& counters = event.flow.counters;
  EXPECT_EQ(counters.tx_bytes, 78u);
  EXPECT_EQ(counters.rx_bytes, 947u);
  EXPECT_EQ(counters.tx_segments, 6u);
  EXPECT_EQ(counters.rx_segments, 5u);
  EXPECT_EQ(counters.retransmits, 2u);
  EXPECT_EQ(counters.srtt_us, 38'200u);
  EXPECT_EQ(counters.min_rtt_us, 21'400u);
}

TEST(DecodeEvent, RetransmitHasSequenceAndWindows) {
  wire_retransmit record{.flow = sample(WIRE_RETRANSMIT).flow,
                         .sequence = 0xfedcba98,
                         .window = 29,
                         .prior_window = 42};
  record.flow.header.size = sizeof record;
  record.flow.value = 17;
  const auto bytes = std::as_bytes(std::span(&record, 1));
  Event event;
  ASSERT_TRUE(decode_event(bytes, event));
  EXPECT_EQ(event.kind(), EventKind::kRetransmit);
  EXPECT_EQ(event.flow.counters.retransmits, 17u);
  EXPECT_EQ(std::get<event::Retransmit>(event.what).sequence, 0xfedcba98u);
  EXPECT_EQ(std::get<event::Retransmit>(event.what).congestion_window, 29u);
  EXPECT_EQ(std::get<event::Retransmit>(event.what).prior_window, 42u);
  EXPECT_FALSE(decode_event(bytes.first(sizeof record.flow), event));
}

TEST(DecodeEvent, FailedAttemptHasItsSegments) {
  wire_flow_totals record = sample(WIRE_CONNECT_FAILED);
  record.flow.value = 110;
  record.flow.extra = 15'000'000;
  Event event;
  ASSERT_TRUE(decode_event(bytes_of(record), event));
  EXPECT_EQ(std::get<event::ConnectFailed>(event.what).error, 110);
  EXPECT_EQ(std::get<event::ConnectFailed>(event.what).latency_us, 15'000'000u);
  EXPECT_EQ(event.flow.counters.tx_segments, 6u);
  EXPECT_EQ(event.flow.counters.retransmits, 2u);
}

TEST(DecodeEvent, InterfaceIsTheSockets) {
  wire_flow_totals record = sample(WIRE_ACCEPT);
  record.flow.interface = 7;
  Event event;
  ASSERT_TRUE(decode_event(bytes_of(record), event));
  EXPECT_EQ(event.flow.interface, 7u);
  ASSERT_TRUE(decode_event(bytes_of(sample(WIRE_ACCEPT)), event));
  EXPECT_EQ(event.flow.interface, 0u);
}

TEST(DecodeEvent, CloseOfAnOlderSocketHasNoDuration) {
  wire_flow_totals record = sample(WIRE_CLOSE);
  record.flow.since_ns = 0;
  Event event;
  ASSERT_TRUE(decode_event(bytes_of(record), event));
  EXPECT_FALSE(std::get<event::Close>(event.what).duration_us);
}

TEST(DecodeEvent, NothingIsLeftOverFromTheEventBefore) {
  Event event;
  ASSERT_TRUE(decode_event(bytes_of(sample(WIRE_CLOSE)), event));
  event.flow.translation = std::make_shared<const Translation>();
  event.flow.remote_name = std::make_shared<const RemoteName>();
  ASSERT_TRUE(decode_event(bytes_of(sample(WIRE_ACCEPT)), event));
  EXPECT_EQ(event.kind(), EventKind::kAccept);
  EXPECT_FALSE(event.flow.translation);
  EXPECT_FALSE(event.flow.remote_name);
  EXPECT_FALSE(event.flow.closed);
  EXPECT_EQ(event.flow.closed_ns, 0u);
  EXPECT_EQ(event.flow.counters.rx_bytes, 0u);
}

TEST(DecodeEvent, MappedAddressIsIpv4) {
  wire_flow_totals record = sample(WIRE_ACCEPT);
  record.flow.family = 10;
  const std::uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
  std::memcpy(record.flow.remote_addr, mapped, 16);
  std::memset(record.flow.local_addr, 0, 16);
  Event event;
  ASSERT_TRUE(decode_event(bytes_of(record), event));
  EXPECT_EQ(to_string(event.flow.remote), "192.0.2.1:443");
  EXPECT_EQ(to_string(event.flow.local), "0.0.0.0:48122");
}

TEST(DecodeEvent, UnknownUserStaysUnknown) {
  wire_flow_totals record = sample(WIRE_ACCEPT);
  record.flow.uid = WIRE_UID_UNKNOWN;
  Event event;
  ASSERT_TRUE(decode_event(bytes_of(record), event));
  EXPECT_FALSE(event.flow.owner.uid);
}

TEST(DecodeEvent, NameWithoutEndIsCutAtItsSize) {
  wire_flow_totals record = sample(WIRE_ACCEPT);
  std::memset(record.flow.comm, 'x', sizeof record.flow.comm);
  Event event;
  ASSERT_TRUE(decode_event(bytes_of(record), event));
  EXPECT_EQ(event.flow.owner.name(), std::string(16, 'x'));
}

TEST(DecodeEvent, RefusesWhatIsNoRecord) {
  Event event;
  const wire_flow_totals close = sample(WIRE_CLOSE);
  for (std::size_t size = 0; size < sizeof close; ++size)
    EXPECT_FALSE(decode_event(bytes_of(close).first(size), event)) << size;
  wire_flow_totals lies = sample(WIRE_ACCEPT);
  lies.flow.header.size = sizeof(wire_flow) - 1;
  EXPECT_FALSE(decode_event({reinterpret_cast<const std::byte*>(&lies), sizeof lies}, event));
  for (const unsigned type : {0u, 12u, 13u, 255u, 65535u}) {
    wire_flow_totals unknown = sample(static_cast<std::uint16_t>(type));
    unknown.flow.header.size = sizeof(wire_flow);
    EXPECT_FALSE(decode_event(bytes_of(unknown), event)) << type;
  }
  wire_flow_totals sctp = sample(WIRE_ACCEPT);
  sctp.flow.protocol = 132;
  EXPECT_FALSE(decode_event(bytes_of(sctp), event));
  wire_flow_totals local = sample(WIRE_ACCEPT);
  local.flow.family = 1;
  EXPECT_FALSE(decode_event(bytes_of(local), event));
}

TEST(DecodeSnapshot, WhetherAnIpv6SocketTakesIpv4) {
  wire_flow_totals record = sample(WIRE_SOCKET);
  record.flow.family = 10;
  record.flow.state = 10;
  PolledSocket socket;
  const Flow& flow = socket.flow;
  bool is_short = false;
  const auto ipv6_only = [&](std::uint8_t told) {
    record.ipv6_only = told;
    EXPECT_EQ(decode_socket(bytes_of(record), socket, is_short), sizeof record);
    return flow.ipv6_only;
  };
  EXPECT_EQ(ipv6_only(WIRE_IPV6_ONLY), true);
  EXPECT_EQ(ipv6_only(WIRE_IPV6_OPEN), false);
  EXPECT_EQ(ipv6_only(0), std::nullopt);
}

TEST(DecodeSocket, ReadsOneRecordOfMany) {
  const wire_flow_totals two[2] = {sample(WIRE_SOCKET), sample(WIRE_SOCKET)};
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(two), sizeof two};
  PolledSocket socket;
  const Flow& flow = socket.flow;
  bool is_short = true;
  EXPECT_EQ(decode_socket(bytes, socket, is_short), sizeof two[0]);
  EXPECT_FALSE(is_short);
  EXPECT_EQ(flow.counters.rx_bytes, 947u);
  for (std::size_t size = 0; size < sizeof two[0]; ++size)
    EXPECT_EQ(decode_socket(bytes.first(size), socket, is_short), 0u) << size;
}

TEST(DecodeSocket, ListeningSocketHasThatDirectionWithoutAnOwner) {
  wire_flow_totals record = sample(WIRE_SOCKET);
  record.flow.state = 10;
  record.flow.direction = WIRE_DIRECTION_UNKNOWN;
  PolledSocket socket;
  const Flow& flow = socket.flow;
  bool is_short = false;
  ASSERT_NE(decode_socket(bytes_of(record), socket, is_short), 0u);
  EXPECT_EQ(flow.direction, Direction::kListen);
}

TEST(DecodeSocket, AListenerOfAnotherNamespaceHasItsQueue) {
  wire_listener record{};
  record.totals = sample(WIRE_LISTENER);
  record.totals.flow.state = 10;
  record.totals.flow.header.size = sizeof record;
  record.drops = 3;
  record.waiting = 2;
  record.backlog = 1;
  const std::span<const std::byte> bytes = whole(record);
  PolledSocket socket;
  bool is_short = true;
  ASSERT_EQ(decode_socket(bytes, socket, is_short), sizeof record);
  EXPECT_FALSE(is_short);
  EXPECT_EQ(socket.flow.cookie, record.totals.flow.cookie);
  EXPECT_EQ(socket.flow.direction, Direction::kListen);
  EXPECT_EQ(socket.drops, 3u);
  EXPECT_EQ(socket.waiting, 2u);
  EXPECT_EQ(socket.backlog, 1u);
  EXPECT_EQ(decode_socket(bytes.first(sizeof record - 1), socket, is_short), 0u);
  // Other records have none.
  wire_flow_totals other = sample(WIRE_SOCKET);
  ASSERT_NE(decode_socket(bytes_of(other), socket, is_short), 0u);
  EXPECT_FALSE(socket.drops);
}

// Readers use one PolledSocket for all records, so each record must overwrite everything.
TEST(DecodeSocket, NothingIsLeftOfTheRecordBefore) {
  wire_flow_totals record = sample(WIRE_SOCKET);
  record.flow.header.size = sizeof record;
  PolledSocket fresh;
  bool is_short = false;
  ASSERT_NE(decode_socket(bytes_of(record), fresh, is_short), 0u);
  PolledSocket used;
  used.flow.local.addr.zone = used.flow.remote.addr.zone = Zone("eth0");
  ASSERT_NE(decode_socket(bytes_of(record), used, is_short), 0u);
  EXPECT_EQ(used.flow.local, fresh.flow.local);
  EXPECT_EQ(used.flow.remote, fresh.flow.remote);
}

TEST(DecodeUdpPeer, ReadsKeyAndValue) {
  wire_udp_peer_key key{.cookie = 7,
                        .remote_addr = {203, 0, 113, 10},
                        .remote_port = htons(443),
                        .family = 2,
                        .pad0 = 0,
                        .interface = 3};
  const wire_udp_peer value{
      .tx_bytes = 1, .rx_bytes = 2, .tx_datagrams = 3, .rx_datagrams = 4, .since_ns = 9};
  UdpPeer peer;
  ASSERT_TRUE(decode_udp_peer(key, value, peer));
  EXPECT_EQ(peer.socket, 7u);
  EXPECT_EQ(to_string(peer.remote), "203.0.113.10:443");
  EXPECT_EQ(peer.interface, 3u);
  EXPECT_EQ(peer.since_ns, 9u);
  EXPECT_EQ(peer.counters.tx_bytes, 1u);
  EXPECT_EQ(peer.counters.rx_bytes, 2u);
  EXPECT_EQ(peer.counters.tx_segments, 3u);
  EXPECT_EQ(peer.counters.rx_segments, 4u);
  EXPECT_FALSE(peer.socket_closed);
  key.family = 3;
  EXPECT_FALSE(decode_udp_peer(key, value, peer));
  key.family = 10;
  key.remote_addr[15] = 1;
  ASSERT_TRUE(decode_udp_peer(key, value, peer));
  EXPECT_EQ(to_string(peer.remote), "[cb00:710a::1]:443");
}

TEST(DecodeDatagram, HasHowItBegins) {
  wire_datagram record{};
  record.header = {.type = WIRE_DATAGRAM, .size = sizeof record, .netns = 0, .mono_ns = 9};
  record.cookie = 7;
  record.payload_size = 1200;
  record.start[0] = 0xc3;
  Datagram datagram;
  ASSERT_TRUE(is_datagram_record(whole(record)));
  ASSERT_TRUE(decode_datagram(whole(record), datagram));
  EXPECT_EQ(datagram.socket, 7u);
  EXPECT_EQ(datagram.whole_size, 1200u);
  ASSERT_EQ(datagram.start.size(), WIRE_DATAGRAM_START);
  EXPECT_EQ(datagram.start[0], std::byte{0xc3});
  EXPECT_FALSE(decode_datagram(whole(record).first(sizeof record - 1), datagram));
  record.payload_size = WIRE_DATAGRAM_START - 1;
  EXPECT_FALSE(decode_datagram(whole(record), datagram));
}

TEST(DecodeSocket, ShortRecordHasTheCounters) {
  wire_counters record{};
  record.header = {.type = WIRE_COUNTERS, .size = sizeof record, .netns = 0, .mono_ns = 0};
  record.cookie = 5;
  record.tx_bytes = 1;
  record.rx_bytes = 2;
  record.tx_segments = 3;
  record.rx_segments = 4;
  record.retransmits = 5;
  record.srtt_us = 6;
  record.min_rtt_us = 7;
  record.state = 8;
  const std::span<const std::byte> bytes = whole(record);
  PolledSocket socket;
  const Flow& flow = socket.flow;
  bool is_short = false;
  EXPECT_EQ(decode_socket(bytes, socket, is_short), sizeof record);
  EXPECT_TRUE(is_short);
  EXPECT_EQ(flow.cookie, 5u);
  EXPECT_EQ(flow.state, TcpState::kCloseWait);
  EXPECT_EQ(flow.counters.tx_bytes, 1u);
  EXPECT_EQ(flow.counters.rx_bytes, 2u);
  EXPECT_EQ(flow.counters.tx_segments, 3u);
  EXPECT_EQ(flow.counters.rx_segments, 4u);
  EXPECT_EQ(flow.counters.retransmits, 5u);
  EXPECT_EQ(flow.counters.srtt_us, 6u);
  EXPECT_EQ(flow.counters.min_rtt_us, 7u);
  EXPECT_EQ(decode_socket(bytes.first(sizeof record - 1), socket, is_short), 0u);
}

}  // namespace
}  // namespace sockscope
