// SPDX-License-Identifier: Apache-2.0
#include "track/packet_owners.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace sockscope {
namespace {

constexpr std::uint32_t kHere = 7;
constexpr std::uint64_t kHold = 100;

Endpoint end(std::uint8_t last, std::uint16_t port, std::uint8_t family = 4) {
  Endpoint endpoint;
  endpoint.addr.family = family;
  endpoint.addr.bytes[3] = last;
  endpoint.port = port;
  return endpoint;
}

Flow flow(std::uint64_t cookie, Protocol protocol, const Endpoint& local, const Endpoint& remote) {
  Flow made;
  made.cookie = cookie;
  made.netns = kHere;
  made.protocol = protocol;
  made.local = local;
  made.remote = remote;
  made.state = protocol == Protocol::kTcp ? TcpState::kEstablished : TcpState::kNone;
  return made;
}

Event event(EventKind kind, const Flow& of, std::uint64_t at) {
  Event made;
  made.what = make_what(kind);
  made.mono_ns = at;
  made.flow = of;
  return made;
}

class PacketOwnersTest : public testing::Test {
 protected:
  // The first byte of a packet is its name.
  void offer(char name, Protocol protocol, const Endpoint& from, const Endpoint& to,
             std::uint64_t now, bool stays_here = false, std::size_t size = 1,
             std::uint64_t at_ns = 0) {
    std::vector<std::byte> bytes(size, static_cast<std::byte>(name));
    Packet packet;
    packet.bytes = bytes;
    owners.offer(packet, PacketEnds{protocol, from, to, at_ns}, stays_here, now, keep());
    std::fill(bytes.begin(), bytes.end(), std::byte{'?'});  // valid only during the call
  }
  void snapshot(std::vector<Flow> flows, std::uint64_t now) {
    Snapshot taken;
    taken.mono_ns = now;
    taken.flows = std::move(flows);
    owners.note(taken);
  }
  // "a1-": sent by flow 1, receiver unknown; "a-(23)": received by flow 2 or 3
  PacketOwners::Handler keep() {
    return [this](const Packet& packet) {
      const auto name = [](const Flow* of) { return of ? std::to_string(of->cookie) : "-"; };
      const auto end_of = [&](const Flow* of, std::span<const Flow* const> several) {
        if (several.empty()) return name(of);
        EXPECT_EQ(of, nullptr);
        std::string text = "(";
        for (const Flow* flow : several) text += name(flow);
        return text + ")";
      };
      out += (out.empty() ? "" : " ") + std::string(1, static_cast<char>(packet.bytes[0])) +
             end_of(packet.sender, packet.senders) + end_of(packet.receiver, packet.receivers);
    };
  }

  PacketOwners owners{kHere,
                      {.hold_ns = kHold, .held_bytes = 1000, .keep_closed_ns = 1000, .closed = 10}};
  std::string out;
  const Endpoint client = end(1, 50'000);
  const Endpoint server = end(2, 80);
};

TEST_F(PacketOwnersTest, KnownFlowsAtOnce) {
  owners.note(event(EventKind::kConnect, flow(1, Protocol::kTcp, client, server), 1));
  offer('a', Protocol::kTcp, client, server, 2);
  offer('b', Protocol::kTcp, server, client, 3);
  EXPECT_EQ(out, "a1- b-1");
  EXPECT_FALSE(owners.is_holding());
}

class TranslatedPackets : public PacketOwnersTest {
 protected:
  TranslatedPackets() {
    owners = PacketOwners(
        kHere, {.hold_ns = kHold, .held_bytes = 1000, .keep_closed_ns = 1000, .closed = 10},
        &translations);
  }
  void translate(Protocol protocol, const Endpoint& real) {
    translations.note({protocol, {client, service}, {real, client}});
  }
  Translations translations;
  const Endpoint service = end(96, 443);
};

TEST_F(TranslatedPackets, OfAServiceAddressAreTheClients) {
  owners.note(event(EventKind::kConnect, flow(1, Protocol::kTcp, client, service), 1));
  offer('a', Protocol::kTcp, client, server, 2);
  EXPECT_EQ(out, "");  // not yet known what this is
  translate(Protocol::kTcp, server);
  owners.release(3, keep());
  offer('b', Protocol::kTcp, server, client, 4);
  offer('c', Protocol::kTcp, service, client, 5);  // captured before it is translated back
  EXPECT_EQ(out, "a1- b-1 c-1");
}

TEST_F(TranslatedPackets, ToAPublishedPortAreTheServers) {
  translate(Protocol::kTcp, server);
  owners.note(event(EventKind::kAccept, flow(2, Protocol::kTcp, server, client), 1));
  offer('a', Protocol::kTcp, client, service, 2);
  offer('b', Protocol::kTcp, service, client, 3);
  EXPECT_EQ(out, "a-2 b2-");
}

TEST_F(TranslatedPackets, OfUnconnectedSocketsAreFoundByTheirOwnPort) {
  translate(Protocol::kUdp, server);
  // Another socket is bound to the published port itself; none of these packets belongs to it.
  snapshot({flow(1, Protocol::kUdp, end(0, 80), end(0, 0)),
            flow(2, Protocol::kUdp, end(0, 443), end(0, 0))},
           1);
  offer('a', Protocol::kUdp, client, service, 2);
  offer('b', Protocol::kUdp, service, client, 3);
  EXPECT_EQ(out, "a-1 b1-");
}

TEST_F(PacketOwnersTest, ASynWaitsForItsConnectionAndOthersBehindIt) {
  owners.note(event(EventKind::kConnect, flow(1, Protocol::kTcp, client, server), 1));
  offer('a', Protocol::kTcp, end(1, 50'001), server, 2);
  offer('b', Protocol::kTcp, client, server, 3);
  EXPECT_EQ(out, "");
  owners.note(event(EventKind::kConnect, flow(2, Protocol::kTcp, end(1, 50'001), server), 4));
  owners.release(5, keep());
  EXPECT_EQ(out, "a2- b1-");
}

TEST_F(PacketOwnersTest, OnLoopbackBothEndsAreAwaited) {
  owners.note(event(EventKind::kAttempt, flow(1, Protocol::kTcp, client, server), 1));
  offer('a', Protocol::kTcp, client, server, 2, true);
  EXPECT_EQ(out, "");
  owners.note(event(EventKind::kAccept, flow(2, Protocol::kTcp, server, client), 3));
  owners.release(4, keep());
  EXPECT_EQ(out, "a12");
}

TEST_F(PacketOwnersTest, WhatNothingIsSaidOfIsHandedOverInTheEnd) {
  offer('a', Protocol::kTcp, client, server, 10);
  owners.release(10 + kHold - 1, keep());
  EXPECT_EQ(out, "");
  owners.release(10 + kHold, keep());
  EXPECT_EQ(out, "a--");
}

// A SYN without an answer still belongs to the process that listens.
TEST_F(PacketOwnersTest, AListenerIsTheLastResort) {
  Flow listener = flow(3, Protocol::kTcp, end(0, 80), end(0, 0));
  listener.state = TcpState::kListen;
  snapshot({listener}, 1);
  offer('a', Protocol::kTcp, client, server, 2);
  EXPECT_EQ(out, "");
  owners.finish(keep());
  EXPECT_EQ(out, "a-3");
}

TEST_F(PacketOwnersTest, UnconnectedUdp) {
  snapshot({flow(1, Protocol::kUdp, end(0, 53), end(0, 0)),
            flow(2, Protocol::kUdp, end(0, 54, 6), end(0, 0, 6)),
            flow(3, Protocol::kUdp, end(2, 55), end(0, 0))},
           1);
  offer('a', Protocol::kUdp, client, end(2, 53), 2);
  offer('b', Protocol::kUdp, client, end(2, 54), 2);  // an IPv6 socket may accept IPv4 too
  offer('c', Protocol::kUdp, end(2, 55), client, 2);
  offer('d', Protocol::kTcp, client, end(2, 53), 2);
  EXPECT_EQ(out, "a-1 b-2 c3-");
  owners.finish(keep());
  EXPECT_EQ(out, "a-1 b-2 c3- d--");
}

// Workers share a port: the packet does not show which of them received it.
TEST_F(PacketOwnersTest, OfSeveralThatFitNoneIsTaken) {
  const auto worker = [](std::uint64_t cookie, std::uint32_t pid) {
    Flow made = flow(cookie, Protocol::kUdp, end(0, 53), end(0, 0));
    made.owner.pid = pid;
    return made;
  };
  snapshot({worker(1, 10), worker(2, 11), worker(3, 12)}, 1);
  offer('a', Protocol::kUdp, client, end(2, 53), 2);
  offer('b', Protocol::kUdp, end(2, 53), client, 2);
  owners.note(event(EventKind::kClose, worker(1, 10), 1'000'000'000));
  offer('c', Protocol::kUdp, client, end(2, 53), 1'000'000'001);
  owners.note(event(EventKind::kClose, worker(3, 12), 1'000'000'001));
  offer('d', Protocol::kUdp, client, end(2, 53), 1'000'000'002);
  EXPECT_EQ(out, "a-(123) b(123)- c-(23) d-2");
}

TEST_F(PacketOwnersTest, OfSeveralThatAreOneProcessesItIsThatProcess) {
  Flow one = flow(1, Protocol::kUdp, end(0, 53), end(0, 0));
  one.owner.pid = 10;
  Flow other = one;
  other.cookie = 2;
  snapshot({one, other}, 1);
  std::uint32_t pid = 0;
  const PacketEnds ends{Protocol::kUdp, client, end(2, 53)};
  owners.offer(Packet{}, ends, false, 2, [&](const Packet& packet) {
    ASSERT_NE(packet.receiver, nullptr);
    EXPECT_EQ(packet.receiver->cookie, 0u) << "which socket is not known";
    EXPECT_TRUE(packet.receivers.empty());
    pid = packet.receiver->owner.pid;
  });
  EXPECT_EQ(pid, 10u);
}

TEST_F(PacketOwnersTest, WhatComesAfterTheCloseIsNobodys) {
  const Flow socket = flow(1, Protocol::kUdp, end(0, 53), end(0, 0));
  snapshot({socket}, 1);
  owners.note(event(EventKind::kClose, socket, 10'000'000));
  offer('a', Protocol::kUdp, client, end(2, 53), 10'000'001, false, 1, 9'000'000);
  offer('b', Protocol::kUdp, client, end(2, 53), 10'000'001, false, 1, 12'000'000);
  owners.finish(keep());
  EXPECT_EQ(out, "a-1 b--");
  const Flow next = flow(2, Protocol::kUdp, end(0, 53), end(0, 0));
  snapshot({next}, 10'000'300);
  offer('c', Protocol::kUdp, client, end(2, 53), 13'000'000, false, 1, 12'500'000);
  EXPECT_EQ(out, "a-1 b-- c-2");
}

TEST_F(PacketOwnersTest, AskedForASnapshotOnlyWhenItCanHelp) {
  EXPECT_FALSE(owners.wants_snapshot(1));
  offer('a', Protocol::kUdp, client, server, 10);
  EXPECT_FALSE(owners.wants_snapshot(10));
  EXPECT_TRUE(owners.wants_snapshot(10 + kHold / 5));
  snapshot({}, 35);
  EXPECT_FALSE(owners.wants_snapshot(40));
}

TEST_F(PacketOwnersTest, AClosedFlowStillHasPackets) {
  Flow known = flow(1, Protocol::kTcp, client, server);
  owners.note(event(EventKind::kConnect, known, 1));
  owners.note(event(EventKind::kClose, known, 2));
  offer('a', Protocol::kTcp, server, client, 3);
  EXPECT_EQ(out, "a-1");
  snapshot({}, 2000);
  EXPECT_EQ(owners.known_flows(), 0u);
  // The same ends again: another connection.
  owners.note(event(EventKind::kConnect, flow(2, Protocol::kTcp, client, server), 2001));
  offer('b', Protocol::kTcp, server, client, 2002);
  EXPECT_EQ(out, "a-1 b-2");
}

// A flow that a snapshot does not show is closed.
TEST_F(PacketOwnersTest, SnapshotsForget) {
  snapshot({flow(1, Protocol::kUdp, server, end(0, 0))}, 1);
  snapshot({}, 2);
  EXPECT_EQ(owners.known_flows(), 1u);
  snapshot({}, 2000);
  EXPECT_EQ(owners.known_flows(), 0u);
}

TEST_F(PacketOwnersTest, OtherNamespacesAreNotConsidered) {
  Flow foreign = flow(1, Protocol::kTcp, client, server);
  foreign.netns = kHere + 1;
  owners.note(event(EventKind::kConnect, foreign, 1));
  offer('a', Protocol::kTcp, client, server, 2);
  owners.finish(keep());
  EXPECT_EQ(out, "a--");
}

TEST_F(PacketOwnersTest, MemoryIsBounded) {
  for (int i = 0; i < 1000; ++i) {
    Flow known = flow(1, Protocol::kTcp, end(1, static_cast<std::uint16_t>(1000 + i)), server);
    owners.note(event(EventKind::kConnect, known, 1));
    owners.note(event(EventKind::kClose, known, 2));
    EXPECT_LE(owners.known_flows(), 11u);
  }
  for (int i = 0; i < 5; ++i)
    offer(static_cast<char>('a' + i), Protocol::kUdp, end(9, 1), end(9, 2), 3, false, 300);
  EXPECT_EQ(out, "a-- b--");
}

}  // namespace
}  // namespace sockscope
