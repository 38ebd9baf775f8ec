// SPDX-License-Identifier: Apache-2.0
#include "track/udp_peers.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

Endpoint at(std::uint8_t last, std::uint16_t port) {
  Endpoint end{.addr = {.family = 4}, .port = port};
  end.addr.bytes[0] = 10;
  end.addr.bytes[3] = last;
  return end;
}

UdpPeer peer(std::uint64_t socket, std::uint8_t last, std::uint64_t rx, std::uint64_t tx) {
  return {.socket = socket,
          .remote = at(last, 5000),
          .since_ns = kSecond,
          .counters = {.tx_bytes = tx, .rx_bytes = rx, .tx_segments = 1, .rx_segments = 2}};
}

class UdpPeersTest : public testing::Test {
 protected:
  static bool read(std::uint64_t cookie, Flow& flow) {
    if (cookie > 9) return false;
    flow.cookie = cookie;
    flow.owner.pid = 100 + static_cast<std::uint32_t>(cookie);
    flow.local = {.addr = {.family = 6}, .port = 53};
    return true;
  }
  std::size_t pass(const std::vector<UdpPeer>& shown, std::uint64_t now = 2 * kSecond,
                   bool keep = true) {
    std::size_t gone = 0;
    peers.begin_pass();
    for (const UdpPeer& each : shown) gone += peers.take(each, now);
    peers.end_pass([keep](std::uint64_t) { return keep; });
    return gone;
  }
  std::vector<Flow> flows(std::uint64_t now) {
    auto rows = peers.flows(now, read);
    std::sort(rows.begin(), rows.end(),
              [](const Flow& a, const Flow& b) { return a.cookie < b.cookie; });
    return rows;
  }
  UdpPeers peers{2};
};

TEST_F(UdpPeersTest, RowsOfTheirSocket) {
  EXPECT_EQ(pass({peer(7, 1, 10, 20), peer(7, 2, 30, 40)}), 0u);
  EXPECT_EQ(peers.open(), 2u);
  const auto rows = flows(3 * kSecond);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].peer_of, 7u);
  EXPECT_EQ(rows[0].owner.pid, 107u);
  EXPECT_EQ(rows[0].protocol, Protocol::kUdp);
  EXPECT_EQ(to_string(rows[0].remote), "10.0.0.1:5000");
  EXPECT_EQ(to_string(rows[0].local), "0.0.0.0:53");  // of the address family that is used
  EXPECT_EQ(rows[0].counters.rx_bytes, 10u);
  EXPECT_EQ(rows[0].counters.rx_segments, 2u);
  EXPECT_EQ(rows[0].opened_ns, kSecond);
  EXPECT_FALSE(rows[0].closed);
  EXPECT_NE(rows[0].cookie, rows[1].cookie);
  EXPECT_GT(rows[0].cookie, std::uint64_t{1} << 52);
  EXPECT_LT(rows[1].cookie, std::uint64_t{1} << 53);  // exact as a JSON number everywhere
}

TEST_F(UdpPeersTest, RatesAreThoseBetweenSnapshots) {
  pass({peer(7, 1, 1000, 0)});
  EXPECT_FALSE(flows(3 * kSecond)[0].rx_rate);
  pass({peer(7, 1, 3000, 500)});
  pass({peer(7, 1, 5000, 500)});
  const auto rows = flows(5 * kSecond);
  EXPECT_DOUBLE_EQ(*rows[0].rx_rate, 2000);
  EXPECT_DOUBLE_EQ(*rows[0].tx_rate, 250);
  EXPECT_DOUBLE_EQ(*flows(6 * kSecond)[0].rx_rate, 0);
}

TEST_F(UdpPeersTest, WhatThePassDoesNotShowIsForgotten) {
  pass({peer(7, 1, 10, 20), peer(7, 2, 30, 40)});
  const std::uint64_t number = flows(3 * kSecond)[0].cookie;
  pass({peer(7, 2, 30, 40)});
  EXPECT_EQ(flows(4 * kSecond).size(), 1u);
  UdpPeer again = peer(7, 1, 5, 5);
  again.since_ns = 5 * kSecond;
  pass({peer(7, 2, 30, 40), again});
  const auto rows = flows(6 * kSecond);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_GT(rows[1].cookie, number);  // a new row, which starts from 0
  EXPECT_DOUBLE_EQ(*rows[1].rx_rate, 2.5);
}

TEST_F(UdpPeersTest, AnewBetweenTwoPasses) {
  pass({peer(7, 1, 1000, 1000)});
  const std::uint64_t number = flows(3 * kSecond)[0].cookie;
  UdpPeer again = peer(7, 1, 8, 4);
  again.since_ns = 3 * kSecond;
  pass({again});
  const auto rows = flows(4 * kSecond);
  EXPECT_NE(rows[0].cookie, number);
  EXPECT_DOUBLE_EQ(*rows[0].rx_rate, 8);
}

TEST_F(UdpPeersTest, ShownTwiceInOnePassCountsOnce) {
  pass({peer(7, 1, 10, 20), peer(7, 1, 11, 20)});
  EXPECT_EQ(peers.open(), 1u);
  EXPECT_EQ(flows(3 * kSecond)[0].counters.rx_bytes, 11u);
}

TEST_F(UdpPeersTest, EndsAreToldOnceAndKeptWithTheirSocket) {
  pass({peer(7, 1, 10, 20)});
  UdpPeer last = peer(7, 1, 15, 25);
  last.socket_closed = true;
  EXPECT_EQ(pass({last}, 4 * kSecond), 1u);
  EXPECT_EQ(peers.open(), 0u);
  EXPECT_EQ(pass({last}, 5 * kSecond), 0u);
  const auto rows = flows(6 * kSecond);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(rows[0].closed);
  EXPECT_EQ(rows[0].closed_ns, 4 * kSecond);
  EXPECT_EQ(rows[0].counters.rx_bytes, 15u);
  pass({}, 7 * kSecond, false);
  EXPECT_TRUE(flows(8 * kSecond).empty());
}

TEST_F(UdpPeersTest, ClosedOnesAreBounded) {
  std::vector<UdpPeer> shown;
  for (std::uint8_t i = 1; i <= 5; ++i) {
    shown.push_back(peer(7, i, 1, 1));
    shown.back().socket_closed = true;
  }
  EXPECT_EQ(pass(shown), 5u);  // all are handed over
  EXPECT_EQ(flows(3 * kSecond).size(), 2u);
  pass({}, 4 * kSecond, false);
  EXPECT_EQ(pass(shown), 5u);
  EXPECT_EQ(flows(5 * kSecond).size(), 2u);
}

// The socket's end was missed: the kernel keeps its peers until it needs the room for others.
TEST_F(UdpPeersTest, NoRowsOfASocketThatIsNotKnown) {
  pass({peer(77, 1, 1, 1), peer(7, 1, 1, 1)});
  const auto rows = flows(3 * kSecond);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].peer_of, 7u);
  Flow flow;
  EXPECT_FALSE(peers.fill(peer(77, 1, 1, 1), read, flow));
  EXPECT_EQ(flow.peer_of, 77u);
  EXPECT_EQ(flow.owner.pid, 0u);
}

TEST_F(UdpPeersTest, Quic) {
  pass({peer(7, 1, 1, 1), peer(8, 1, 1, 1)});
  peers.note_quic(8);
  peers.note_quic(8);
  const auto rows = flows(3 * kSecond);
  EXPECT_EQ(rows[0].app, rows[0].peer_of == 8 ? App::kQuic : App::kUnknown);
  EXPECT_EQ(peers.app_of(8), App::kQuic);
  EXPECT_EQ(peers.app_of(7), App::kUnknown);
  for (std::uint64_t cookie = 100; cookie < 100 + UdpPeers::kMostQuic; ++cookie)
    peers.note_quic(cookie);
  EXPECT_EQ(peers.app_of(8), App::kUnknown);  // the oldest is forgotten
  EXPECT_EQ(peers.app_of(100), App::kQuic);
}

}  // namespace
}  // namespace sockscope
