// SPDX-License-Identifier: Apache-2.0
#include "decode/inet_diag.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include <cstddef>
#include <cstring>
#include <vector>

namespace sockscope {
namespace {

using Bytes = std::vector<std::byte>;
using Kind = DiagMessage::Kind;

template <class T>
void append(Bytes& bytes, const T& value, std::size_t size = sizeof(T)) {
  const auto* begin = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), begin, begin + size);
  bytes.resize((bytes.size() + 3) & ~std::size_t{3});
}

template <class T>
void attribute(Bytes& bytes, std::uint16_t type, const T& value, std::size_t size = sizeof(T)) {
  append(bytes, nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + size), type});
  append(bytes, value, size);
}

Bytes message(std::uint16_t type, const Bytes& body, std::uint16_t flags = 0) {
  Bytes bytes;
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = 7;
  append(bytes, header);
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

inet_diag_msg sample_socket() {
  inet_diag_msg socket{};
  socket.idiag_family = 2;
  socket.idiag_state = 1;
  socket.id.idiag_sport = htons(48122);
  socket.id.idiag_dport = htons(443);
  socket.id.idiag_src[0] = htonl(0x0a000007);
  socket.id.idiag_dst[0] = htonl(0xcb00710a);
  socket.id.idiag_cookie[0] = 5;
  socket.id.idiag_cookie[1] = 1;
  socket.id.idiag_if = 7;
  socket.idiag_uid = 1000;
  socket.idiag_inode = 4242;
  return socket;
}

tcp_info sample_info() {
  tcp_info info{};
  info.tcpi_rtt = 38'200;
  info.tcpi_min_rtt = 21'400;
  info.tcpi_total_retrans = 2;
  info.tcpi_bytes_acked = 79;
  info.tcpi_bytes_received = 947;
  info.tcpi_segs_out = 6;
  info.tcpi_segs_in = 5;
  info.tcpi_bytes_sent = 98;
  info.tcpi_bytes_retrans = 20;
  return info;
}

Bytes socket_message(const inet_diag_msg& socket, const tcp_info* info,
                     std::size_t info_size = sizeof(tcp_info)) {
  Bytes body;
  append(body, socket);
  if (info) attribute(body, INET_DIAG_INFO, *info, info_size);
  return message(SOCK_DIAG_BY_FAMILY, body);
}

PolledSocket decoded(const Bytes& bytes, Protocol protocol = Protocol::kTcp) {
  DiagMessage message;
  EXPECT_EQ(decode_diag(bytes, protocol, message), bytes.size());
  EXPECT_EQ(message.kind, Kind::kSocket);
  return message.socket;
}

TEST(DecodeDiag, ASocketHasEveryField) {
  const tcp_info info = sample_info();
  Bytes body;
  append(body, sample_socket());
  attribute(body, INET_DIAG_SHUTDOWN, std::uint8_t{0});
  attribute(body, INET_DIAG_CGROUP_ID, std::uint64_t{99});
  attribute(body, INET_DIAG_INFO, info);
  const PolledSocket socket = decoded(message(SOCK_DIAG_BY_FAMILY, body));
  const Flow& flow = socket.flow;
  EXPECT_EQ(socket.inode, 4242u);
  EXPECT_EQ(socket.acked_bytes, 79u);
  EXPECT_EQ(flow.cookie, (1ull << 32) + 5);
  EXPECT_EQ(flow.protocol, Protocol::kTcp);
  EXPECT_EQ(flow.state, TcpState::kEstablished);
  EXPECT_EQ(to_string(flow.local), "10.0.0.7:48122");
  EXPECT_EQ(to_string(flow.remote), "203.0.113.10:443");
  EXPECT_EQ(flow.interface, 7u);
  EXPECT_EQ(flow.owner.uid, 1000u);
  EXPECT_EQ(flow.owner.cgroup_id, 99u);
  EXPECT_EQ(flow.owner.kind, OwnerKind::kUnknown);
  EXPECT_TRUE(flow.has_counters);
  EXPECT_EQ(flow.counters.tx_bytes, 78u);
  EXPECT_EQ(flow.counters.rx_bytes, 947u);
  EXPECT_EQ(flow.counters.tx_segments, 6u);
  EXPECT_EQ(flow.counters.rx_segments, 5u);
  EXPECT_EQ(flow.counters.retransmits, 2u);
  EXPECT_EQ(flow.counters.srtt_us, 38'200u);
  EXPECT_EQ(flow.counters.min_rtt_us, 21'400u);
}

TEST(DecodeDiag, WhetherAnIpv6SocketTakesIpv4) {
  inet_diag_msg listener = sample_socket();
  listener.idiag_family = 10;
  listener.idiag_state = 10;
  const auto ipv6_only = [&](std::optional<std::uint8_t> told) {
    Bytes body;
    append(body, listener);
    if (told) attribute(body, INET_DIAG_SKV6ONLY, *told);
    return decoded(message(SOCK_DIAG_BY_FAMILY, body)).flow.ipv6_only;
  };
  EXPECT_EQ(ipv6_only(1), true);
  EXPECT_EQ(ipv6_only(0), false);
  EXPECT_EQ(ipv6_only(std::nullopt), std::nullopt);
}

TEST(DecodeDiag, TcpInfoOfAnyLength) {
  const tcp_info info = sample_info();
  for (std::size_t size = 0; size <= sizeof info; ++size) {
    const PolledSocket socket = decoded(socket_message(sample_socket(), &info, size));
    const bool has_segments = size >= offsetof(tcp_info, tcpi_segs_in) + 4;
    EXPECT_EQ(socket.flow.has_counters, has_segments) << size;
    if (!has_segments) continue;
    const bool has_sent = size >= offsetof(tcp_info, tcpi_bytes_retrans) + 8;
    EXPECT_EQ(socket.flow.counters.tx_bytes, has_sent ? 78u : 79u) << size;
    EXPECT_EQ(socket.flow.counters.rx_bytes, 947u) << size;
    const bool has_min_rtt = size >= offsetof(tcp_info, tcpi_min_rtt) + 4;
    EXPECT_EQ(socket.flow.counters.min_rtt_us, has_min_rtt ? 21'400u : 0u) << size;
  }
  struct {
    tcp_info known = sample_info();
    std::uint64_t newer[8] = {};
  } const longer;
  Bytes body;
  append(body, sample_socket());
  attribute(body, INET_DIAG_INFO, longer);
  EXPECT_EQ(decoded(message(SOCK_DIAG_BY_FAMILY, body)).flow.counters.tx_bytes, 78u);
}

TEST(DecodeDiag, AReceivedFinIsNoByte) {
  const tcp_info info = sample_info();
  inet_diag_msg socket = sample_socket();
  for (const TcpState state : {TcpState::kCloseWait, TcpState::kLastAck, TcpState::kClosing}) {
    socket.idiag_state = static_cast<std::uint8_t>(state);
    EXPECT_EQ(decoded(socket_message(socket, &info)).flow.counters.rx_bytes, 946u);
  }
  socket.idiag_state = static_cast<std::uint8_t>(TcpState::kFinWait2);
  EXPECT_EQ(decoded(socket_message(socket, &info)).flow.counters.rx_bytes, 947u);
}

TEST(DecodeDiag, WhatIsNoSocketOfItsOwn) {
  inet_diag_msg socket = sample_socket();
  socket.idiag_inode = 0;
  socket.idiag_state = static_cast<std::uint8_t>(TcpState::kTimeWait);
  Flow flow = decoded(socket_message(socket, nullptr)).flow;
  EXPECT_EQ(flow.state, TcpState::kTimeWait);
  EXPECT_FALSE(flow.has_counters);
  EXPECT_FALSE(flow.owner.uid);
  socket.idiag_state = static_cast<std::uint8_t>(TcpState::kFinWait2);
  EXPECT_EQ(decoded(socket_message(socket, nullptr)).flow.state, TcpState::kTimeWait);
  socket.idiag_state = static_cast<std::uint8_t>(TcpState::kSynRecv);
  EXPECT_EQ(decoded(socket_message(socket, nullptr)).flow.state, TcpState::kNewSynRecv);
}

TEST(DecodeDiag, UdpHasNeitherStateNorCounters) {
  inet_diag_msg socket = sample_socket();
  socket.idiag_state = 7;
  const Flow flow = decoded(socket_message(socket, nullptr), Protocol::kUdp).flow;
  EXPECT_EQ(flow.protocol, Protocol::kUdp);
  EXPECT_EQ(flow.state, TcpState::kNone);
  EXPECT_FALSE(flow.has_counters);
}

TEST(DecodeDiag, WhatComesUnaskedNamesItsProtocol) {
  Bytes body;
  append(body, sample_socket());
  attribute(body, INET_DIAG_PROTOCOL, std::uint8_t{17});
  EXPECT_EQ(decoded(message(SOCK_DIAG_BY_FAMILY, body)).flow.protocol, Protocol::kUdp);
  Bytes other;
  append(other, sample_socket());
  attribute(other, INET_DIAG_PROTOCOL, std::uint8_t{132});
  DiagMessage sctp;
  EXPECT_NE(decode_diag(message(SOCK_DIAG_BY_FAMILY, other), Protocol::kTcp, sctp), 0u);
  EXPECT_EQ(sctp.kind, Kind::kMalformed);
}

TEST(DecodeDiag, MappedAddressIsIpv4) {
  inet_diag_msg socket = sample_socket();
  socket.idiag_family = 10;
  const std::uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
  std::memcpy(socket.id.idiag_dst, mapped, sizeof mapped);
  std::memset(socket.id.idiag_src, 0, sizeof socket.id.idiag_src);
  const Flow flow = decoded(socket_message(socket, nullptr)).flow;
  EXPECT_EQ(to_string(flow.remote), "192.0.2.1:443");
  EXPECT_EQ(to_string(flow.local), "0.0.0.0:48122");
}

TEST(DecodeDiag, ControlMessages) {
  DiagMessage message_of;
  const auto decode = [&](std::uint16_t type, std::int32_t status, std::uint16_t flags = 0) {
    Bytes body;
    append(body, status);
    const Bytes bytes = message(type, body, flags);
    EXPECT_EQ(decode_diag(bytes, Protocol::kTcp, message_of), bytes.size());
    EXPECT_EQ(message_of.sequence, 7u);
    return message_of.kind;
  };
  EXPECT_EQ(decode(NLMSG_DONE, 0), Kind::kDone);
  EXPECT_EQ(message_of.error, 0);
  EXPECT_FALSE(message_of.is_interrupted);
  EXPECT_EQ(decode(NLMSG_DONE, -ENOENT, NLM_F_DUMP_INTR), Kind::kDone);
  EXPECT_EQ(message_of.error, ENOENT);
  EXPECT_TRUE(message_of.is_interrupted);
  EXPECT_EQ(decode(NLMSG_ERROR, -EPERM), Kind::kError);
  EXPECT_EQ(message_of.error, EPERM);
  EXPECT_EQ(decode(NLMSG_ERROR, INT32_MIN), Kind::kError);
  EXPECT_EQ(message_of.error, EIO);
  EXPECT_EQ(decode(NLMSG_OVERRUN, 0), Kind::kOverrun);
  EXPECT_EQ(decode(NLMSG_NOOP, 0), Kind::kOther);
  EXPECT_NE(decode_diag(message(NLMSG_DONE, {}), Protocol::kTcp, message_of), 0u);
  EXPECT_EQ(message_of.kind, Kind::kDone);
  EXPECT_NE(decode_diag(message(NLMSG_ERROR, {}), Protocol::kTcp, message_of), 0u);
  EXPECT_EQ(message_of.kind, Kind::kMalformed);
}

TEST(DecodeDiag, ReadsOneMessageOfMany) {
  const tcp_info info = sample_info();
  Bytes two = socket_message(sample_socket(), &info);
  const std::size_t size = two.size();
  const Bytes again = two;
  two.insert(two.end(), again.begin(), again.end());
  DiagMessage message;
  EXPECT_EQ(decode_diag(two, Protocol::kTcp, message), size);
  EXPECT_EQ(message.kind, Kind::kSocket);
}

TEST(DecodeDiag, RefusesWhatIsCutOrLies) {
  const tcp_info info = sample_info();
  const Bytes whole = socket_message(sample_socket(), &info);
  DiagMessage message;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(decode_diag(std::span(whole).first(size), Protocol::kTcp, message), 0u) << size;
    if (size < sizeof(nlmsghdr)) continue;
    // The same with a length in the header that fits: at most the first part is accepted.
    Bytes shorter(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(shorter.data(), &length, sizeof length);
    EXPECT_EQ(decode_diag(shorter, Protocol::kTcp, message), size);
    const bool has_head = size >= sizeof(nlmsghdr) + sizeof(inet_diag_msg);
    EXPECT_TRUE(has_head || message.kind == Kind::kMalformed) << size;
  }
  const auto with_attribute_length = [&](std::uint16_t length) {
    Bytes bytes = whole;
    std::memcpy(&bytes[sizeof(nlmsghdr) + sizeof(inet_diag_msg)], &length, sizeof length);
    EXPECT_EQ(decode_diag(bytes, Protocol::kTcp, message), bytes.size());
    return message.kind;
  };
  EXPECT_EQ(with_attribute_length(0), Kind::kMalformed);
  EXPECT_EQ(with_attribute_length(3), Kind::kMalformed);
  EXPECT_EQ(with_attribute_length(0xffff), Kind::kMalformed);
  inet_diag_msg socket = sample_socket();
  socket.idiag_family = 1;
  EXPECT_NE(decode_diag(socket_message(socket, &info), Protocol::kTcp, message), 0u);
  EXPECT_EQ(message.kind, Kind::kMalformed);
  socket = sample_socket();
  for (const unsigned state : {0u, 13u, 255u}) {
    socket.idiag_state = static_cast<std::uint8_t>(state);
    EXPECT_NE(decode_diag(socket_message(socket, &info), Protocol::kTcp, message), 0u);
    EXPECT_EQ(message.kind, Kind::kMalformed) << state;
  }
}

}  // namespace
}  // namespace sockscope
