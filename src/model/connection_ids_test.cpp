// SPDX-License-Identifier: Apache-2.0
#include "model/connection_ids.h"

#include <gtest/gtest.h>

#include <utility>

#include "model/address.h"

namespace sockscope {
namespace {

// The key of SipHash's published test vectors: 00 01 02 … 0f.
constexpr ConnectionKey kKey = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

Endpoint end(const char* address, std::uint16_t port) {
  return {*parse_address(address), port};
}

Flow udp(const Endpoint& local, const Endpoint& remote) {
  Flow flow;
  flow.protocol = Protocol::kUdp;
  flow.local = local;
  flow.remote = remote;
  flow.netns = 1;
  return flow;
}

const ConnectionIds kIds(kKey, "host");
constexpr auto kUnknown = ConnectionId::kUnknown;

TEST(ConnectionIds, OfTcpIsSipHashOfTheSortedNumbers) {
  // SipHash-2-4 of 00 01 02 03 04 05 06 07.
  EXPECT_EQ(to_string(kIds.of_tcp({0x00010203, 0x04050607})), "6224939a79f5f593");
}

TEST(ConnectionIds, OfTcpIsTheSameAtBothEnds) {
  EXPECT_EQ(kIds.of_tcp({7, 4'000'000'000}), kIds.of_tcp({4'000'000'000, 7}));
  EXPECT_NE(kIds.of_tcp({7, 4'000'000'000}), kIds.of_tcp({7, 4'000'000'001}));
  EXPECT_EQ(kIds.of_tcp({7, 8}), ConnectionIds(kKey, "another").of_tcp({8, 7}));
}

TEST(ConnectionIds, NumbersThatAreNotKnownHaveNone) {
  EXPECT_EQ(kIds.of_tcp({0, 0}), kUnknown);
  EXPECT_NE(kIds.of_tcp({0, 1}), kUnknown);
}

TEST(ConnectionIds, DependOnTheKey) {
  ConnectionKey other = kKey;
  other[15] ^= 1;
  EXPECT_NE(kIds.of_tcp({1, 2}), ConnectionIds(other, "host").of_tcp({1, 2}));
}

TEST(ConnectionIds, OfUdpIsTheSameAtBothEnds) {
  const Endpoint a = end("10.0.0.1", 5000);
  const Endpoint b = end("10.0.0.1", 53);
  EXPECT_EQ(kIds.of_udp(udp(a, b)), kIds.of_udp(udp(b, a)));
  EXPECT_EQ(kIds.of_udp(udp(a, b)), ConnectionIds(kKey, "another").of_udp(udp(b, a)));
  EXPECT_NE(kIds.of_udp(udp(a, b)), kIds.of_udp(udp(a, end("10.0.0.1", 54))));
  EXPECT_NE(kIds.of_udp(udp(a, b)), kIds.of_udp(udp(a, end("10.0.0.2", 53))));
  const Endpoint six = end("2001:db8::1", 5000);
  EXPECT_EQ(kIds.of_udp(udp(six, end("2001:db8::2", 53))),
            kIds.of_udp(udp(end("2001:db8::2", 53), six)));
}

TEST(ConnectionIds, LoopbackIsOfOneNamespaceOfOneHost) {
  Flow flow = udp(end("127.0.0.1", 5000), end("127.0.0.1", 53));
  const ConnectionId here = kIds.of_udp(flow);
  EXPECT_NE(here, ConnectionIds(kKey, "another").of_udp(flow));
  flow.netns = 2;
  EXPECT_NE(here, kIds.of_udp(flow));
}

TEST(ConnectionIds, OnlyConnectedUdpHasOne) {
  const Endpoint a = end("10.0.0.1", 5000);
  EXPECT_EQ(kIds.of_udp(udp(a, end("0.0.0.0", 0))), kUnknown);
  EXPECT_EQ(kIds.of_udp(udp(end("0.0.0.0", 53), a)), kUnknown);
  Flow tcp = udp(a, end("10.0.0.2", 53));
  tcp.protocol = Protocol::kTcp;
  EXPECT_EQ(kIds.of_udp(tcp), kUnknown);
}

TEST(HostConnectionKey, DependsOnMachineAndBoot) {
  const ConnectionKey key = host_connection_key("machine", "boot");
  EXPECT_EQ(key, host_connection_key("machine", "boot"));
  EXPECT_NE(key, host_connection_key("other", "boot"));
  EXPECT_NE(key, host_connection_key("machine", "other"));
  EXPECT_NE(key, host_connection_key("machinebo", "ot"));
}

}  // namespace
}  // namespace sockscope
