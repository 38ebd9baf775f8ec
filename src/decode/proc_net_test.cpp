// SPDX-License-Identifier: Apache-2.0
#include "decode/proc_net.h"

#include <gtest/gtest.h>

#include <string>

namespace sockscope {
namespace {

// Lines as Linux 6.18 printed them on a little-endian host.
constexpr std::string_view kListener =
    "   0: 0200007F:18CE 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "640 1 00000000081113f6 100 0 0 10 0                       ";
constexpr std::string_view kConnection =
    "  13: 0700000A:BBFA 0A7100CB:01BB 01 00000000:00000012 02:000003A2 00000003     0        7 "
    "123456 2 000000002b1f8d5c 20 4 30 10 -1                   ";
constexpr std::string_view kTimeWait =
    "   4: 020200C0:A0AC 507100CB:0050 06 00000000:00000000 03:00000B4B 00000000     0        0 0 "
    "3 000000001c2f9d11";
constexpr std::string_view kRequest =
    "   5: 0100007F:1F90 0100007F:C350 03 00000000:00000000 01:00000064 00000000     0        0 0 "
    "0 000000001c2f9d11";
constexpr std::string_view kV6 =
    "   1: B80D0120000000000000000001000000:0050 00000000000000000000000001000000:8235 01 "
    "00000000:00000000 00:00000000 00000000   100        0 77 1 000000001c2f9d11 20 0 0 10 -1";
constexpr std::string_view kMapped =
    "   1: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000200007F:8235 01 "
    "00000000:00000000 00:00000000 00000000   100        0 77 1 000000001c2f9d11 20 0 0 10 -1";
constexpr std::string_view kUdp =
    "  614: 0100007F:0143 00000000:0000 07 00000000:00000000 00:00000000 00000000   102        0 "
    "15333 2 00000000f2d8fd9e 0         ";

TEST(ParseSocketLine, Connection) {
  const auto socket = parse_socket_line(kConnection, Protocol::kTcp);
  ASSERT_TRUE(socket);
  EXPECT_EQ(to_string(socket->flow.local), "10.0.0.7:48122");
  EXPECT_EQ(to_string(socket->flow.remote), "203.0.113.10:443");
  EXPECT_EQ(socket->flow.state, TcpState::kEstablished);
  EXPECT_EQ(socket->flow.owner.uid, 0u);
  EXPECT_EQ(socket->inode, 123456u);
  EXPECT_FALSE(socket->flow.has_counters);
  EXPECT_EQ(socket->flow.cookie, 0u);
}

TEST(ParseSocketLine, Listener) {
  const auto socket = parse_socket_line(kListener, Protocol::kTcp);
  ASSERT_TRUE(socket);
  EXPECT_EQ(to_string(socket->flow.local), "127.0.0.2:6350");
  EXPECT_EQ(socket->flow.state, TcpState::kListen);
  EXPECT_EQ(socket->flow.direction, Direction::kListen);
  EXPECT_TRUE(socket->flow.remote.addr.is_unspecified());
  EXPECT_EQ(socket->flow.owner.uid, 1000u);
}

TEST(ParseSocketLine, WhatIsNoSocketOfItsOwn) {
  const auto remnant = parse_socket_line(kTimeWait, Protocol::kTcp);
  ASSERT_TRUE(remnant);
  EXPECT_EQ(remnant->flow.state, TcpState::kTimeWait);
  EXPECT_EQ(remnant->inode, 0u);
  EXPECT_FALSE(remnant->flow.owner.uid);
  std::string half(kTimeWait);
  half.replace(half.find(" 06 "), 4, " 05 ");  // FIN_WAIT2 that the kernel keeps like TIME_WAIT
  EXPECT_EQ(parse_socket_line(half, Protocol::kTcp)->flow.state, TcpState::kTimeWait);
  const auto request = parse_socket_line(kRequest, Protocol::kTcp);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->flow.state, TcpState::kNewSynRecv);
}

TEST(ParseSocketLine, Ipv6) {
  const auto socket = parse_socket_line(kV6, Protocol::kTcp);
  ASSERT_TRUE(socket);
  EXPECT_EQ(to_string(socket->flow.local), "[2001:db8::1]:80");
  EXPECT_EQ(to_string(socket->flow.remote), "[::1]:33333");
  const auto mapped = parse_socket_line(kMapped, Protocol::kTcp);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(to_string(mapped->flow.local), "127.0.0.1:80");
  EXPECT_EQ(to_string(mapped->flow.remote), "127.0.0.2:33333");
}

TEST(ParseSocketLine, Udp) {
  const auto socket = parse_socket_line(kUdp, Protocol::kUdp);
  ASSERT_TRUE(socket);
  EXPECT_EQ(to_string(socket->flow.local), "127.0.0.1:323");
  EXPECT_EQ(socket->flow.state, TcpState::kNone);
  EXPECT_EQ(socket->inode, 15333u);
  EXPECT_EQ(socket->flow.owner.uid, 102u);
}

// A prefix is either refused or, if it ends after the inode, gives the same result.
TEST(ParseSocketLine, TruncatedLinesTellNothingWrong) {
  for (const std::string_view whole : {kConnection, kTimeWait, kV6, kUdp}) {
    const Protocol protocol = whole == kUdp ? Protocol::kUdp : Protocol::kTcp;
    const auto expected = parse_socket_line(whole, protocol);
    ASSERT_TRUE(expected);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto socket = parse_socket_line(whole.substr(0, size), protocol);
      if (!socket) continue;
      EXPECT_EQ(socket->inode, expected->inode) << whole.substr(0, size);
    }
  }
}

TEST(ParseSocketLine, RefusesWhatIsNoSuchLine) {
  const auto refused = [](std::string_view line) {
    return !parse_socket_line(line, Protocol::kTcp);
  };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("\n"));
  EXPECT_TRUE(
      refused("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
              "   uid  timeout inode"));
  const auto with = [](std::string_view from, std::string_view to) {
    std::string line(kConnection);
    line.replace(line.find(from), from.size(), to);
    return line;
  };
  EXPECT_FALSE(refused(with(" 01 ", " 02 ")));
  EXPECT_TRUE(refused(with(" 01 ", " 00 ")));
  EXPECT_TRUE(refused(with(" 01 ", " 0D ")));
  EXPECT_TRUE(refused(with(" 01 ", " 101 ")));
  EXPECT_TRUE(refused(with("0700000A:BBFA", "0700000A:1BBFA")));
  EXPECT_TRUE(refused(with("0700000A:BBFA", "0700000A")));
  EXPECT_TRUE(refused(with("0700000A:BBFA", "-700000A:BBFA")));
  EXPECT_TRUE(refused(with("0700000A:", "00000000000000000700000A0700000A:")));
  EXPECT_TRUE(refused(with(" 123456 ", " 12x456 ")));
  EXPECT_TRUE(refused(with(" 123456 ", " 99999999999999999999999 ")));
  EXPECT_TRUE(refused(std::string(100'000, 'F')));
  EXPECT_TRUE(refused(std::string(100'000, ' ')));
}

TEST(ParseSocketLink, OnlySocketsHaveANumber) {
  EXPECT_EQ(parse_socket_link("socket:[1234]"), 1234u);
  EXPECT_EQ(parse_socket_link("socket:[18446744073709551615]"), ~std::uint64_t{0});
  for (const std::string_view other :
       {"", "socket:[]", "socket:[", "socket:[12", "socket:[12]x", "socket:[-1]", "socket:[1 2]",
        "socket:[18446744073709551616]", "pipe:[1234]", "/tmp/socket:[1]",
        "anon_inode:[eventpoll]"})
    EXPECT_EQ(parse_socket_link(other), 0u) << other;
}

}  // namespace
}  // namespace sockscope
