// SPDX-License-Identifier: Apache-2.0
// Which two flows of the table are the ends of one connection.
#include <gtest/gtest.h>

#include <cstring>

#include "model/address.h"
#include "track/flow_table.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

Flow tcp(std::uint64_t cookie, std::uint64_t id, const char* local, std::uint16_t local_port,
         const char* remote, std::uint16_t remote_port, std::uint32_t pid, const char* name) {
  Flow flow;
  flow.cookie = cookie;
  flow.conn_id = ConnectionId{id};
  flow.netns = 1;
  flow.state = TcpState::kEstablished;
  flow.local = {*parse_address(local), local_port};
  flow.remote = {*parse_address(remote), remote_port};
  flow.owner.pid = pid;
  flow.owner.start_ns = pid;
  flow.owner.kind = OwnerKind::kExact;
  std::strncpy(flow.owner.comm.data(), name, flow.owner.comm.size() - 1);
  return flow;
}

Flow curl(std::uint64_t id = 0) {
  return tcp(1, id, "10.0.0.1", 40000, "10.0.0.2", 80, 10, "curl");
}
Flow nginx(std::uint64_t id = 0) {
  return tcp(2, id, "10.0.0.2", 80, "10.0.0.1", 40000, 20, "nginx");
}

class FlowTableEnds : public testing::Test {
 protected:
  void pass(const std::vector<Flow>& sockets) {
    table.begin_sync(now += kSecond);
    for (const Flow& socket : sockets) table.sync(socket);
    table.end_sync();
  }
  void happen(EventKind kind, const Flow& flow) {
    Event event;
    event.what = make_what(kind);
    event.mono_ns = now += kSecond;
    event.flow = flow;
    table.apply(event);
  }
  // "nginx 20 10.0.0.2:80"; "none".
  std::string other_of(std::uint64_t cookie) {
    Snapshot snapshot;
    table.take(now, nullptr, snapshot);
    Flow flow;
    if (!table.read(cookie, flow)) return "no such flow";
    if (!flow.other_end) return "none";
    const OtherEnd& other = *flow.other_end;
    return std::string(other.owner.name()) + ' ' + std::to_string(other.owner.pid) + ' ' +
           to_string(other.local);
  }

  std::uint64_t now = 0;
  FlowTable table{{.keep_closed_ns = 100 * kSecond}};
};

TEST_F(FlowTableEnds, OfOneNameBelongTogetherWhateverTheirAddresses) {
  Flow translated = nginx(77);
  translated.netns = 2;
  translated.local = {*parse_address("172.17.0.2"), 8080};
  translated.remote = {*parse_address("172.17.0.1"), 50001};
  pass({curl(77), translated});
  EXPECT_EQ(other_of(1), "nginx 20 172.17.0.2:8080");
  EXPECT_EQ(other_of(2), "curl 10 10.0.0.1:40000");
}

TEST_F(FlowTableEnds, OfDifferentNamesDoNotWhateverTheirAddresses) {
  pass({curl(77), nginx(78)});
  EXPECT_EQ(other_of(1), "none");
}

TEST_F(FlowTableEnds, WithoutNamesTheAddressesTell) {
  pass({curl(), nginx()});
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
  Flow elsewhere = nginx();
  elsewhere.cookie = 3;
  elsewhere.netns = 2;
  pass({curl(), elsewhere});
  EXPECT_EQ(other_of(3), "none");
}

TEST_F(FlowTableEnds, OneEndWithoutANameIsEnoughForTheAddresses) {
  pass({curl(77), nginx()});
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
  EXPECT_EQ(other_of(2), "curl 10 10.0.0.1:40000");
}

TEST_F(FlowTableEnds, ANameThatComesLaterCounts) {
  pass({curl(), nginx()});
  happen(EventKind::kConnect, curl(77));
  happen(EventKind::kConnect, nginx(78));
  EXPECT_EQ(other_of(1), "none");
  happen(EventKind::kClose, nginx(77));
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
  EXPECT_EQ(table.conn_id(2), ConnectionId{77});
  EXPECT_EQ(table.conn_id(3), ConnectionId::kUnknown);
}

TEST_F(FlowTableEnds, APassWithoutTheNameKeepsIt) {
  pass({curl(77), nginx(77)});
  pass({curl(), nginx()});
  EXPECT_EQ(table.conn_id(1), ConnectionId{77});
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
}

TEST_F(FlowTableEnds, TheOtherEndsProcessIsTheOneThatHasItNow) {
  pass({curl(77), nginx(77)});
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
  Flow passed_on = nginx(77);
  passed_on.owner.pid = 21;
  happen(EventKind::kOwner, passed_on);
  EXPECT_EQ(other_of(1), "nginx 21 10.0.0.2:80");
}

TEST_F(FlowTableEnds, TheSameRowHasTheSameOtherEnd) {
  pass({curl(77), nginx(77)});
  Flow before;
  Flow after;
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
  table.read(1, before);
  pass({curl(77), nginx(77)});
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
  table.read(1, after);
  ASSERT_TRUE(before.other_end);
  EXPECT_EQ(before.other_end, after.other_end);
}

TEST_F(FlowTableEnds, AnEndThatIsForgottenStaysKnownToTheOther) {
  pass({curl(77), nginx(77)});
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
  happen(EventKind::kClose, nginx(77));
  table.expire(now + 1000 * kSecond, [](std::uint32_t) { return true; });
  EXPECT_EQ(other_of(2), "no such flow");
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
}

TEST_F(FlowTableEnds, ASocketThatConnectsAgainHasAnotherOtherEnd) {
  pass({curl(77), nginx(77)});
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
  happen(EventKind::kClose, curl(77));
  happen(EventKind::kConnect, curl(78));
  EXPECT_EQ(other_of(1), "none");
  EXPECT_EQ(table.conn_id(1), ConnectionId{78});
}

TEST_F(FlowTableEnds, OfUdpTheOpenOnesAreAPairAgain) {
  const auto of_udp = [](Flow flow, std::uint64_t cookie) {
    flow.protocol = Protocol::kUdp;
    flow.state = TcpState::kNone;
    flow.cookie = cookie;
    return flow;
  };
  pass({of_udp(curl(77), 1), of_udp(nginx(77), 2)});
  happen(EventKind::kClose, of_udp(curl(77), 1));
  happen(EventKind::kClose, of_udp(nginx(77), 2));
  pass({of_udp(curl(77), 3), of_udp(nginx(77), 4)});
  EXPECT_EQ(other_of(3), "nginx 20 10.0.0.2:80");
  EXPECT_EQ(other_of(4), "curl 10 10.0.0.1:40000");
}

TEST_F(FlowTableEnds, OfUdpTheEndsOfTwoConnectionsThatAreOverAreNotMixed) {
  const auto closed = [this](Flow flow, std::uint64_t cookie) {
    flow.protocol = Protocol::kUdp;
    flow.state = TcpState::kNone;
    flow.cookie = cookie;
    happen(EventKind::kClose, flow);
  };
  closed(curl(77), 1);
  closed(curl(77), 3);
  closed(nginx(77), 2);
  EXPECT_EQ(other_of(2), "curl 10 10.0.0.1:40000");
  EXPECT_NE(other_of(1), "curl 10 10.0.0.1:40000");
  EXPECT_NE(other_of(3), "curl 10 10.0.0.1:40000");
}

TEST_F(FlowTableEnds, OfUdpFollowTheSocketToAnotherRemoteEnd) {
  Flow socket = curl(77);
  socket.protocol = Protocol::kUdp;
  Flow server = nginx(77);
  server.protocol = Protocol::kUdp;
  pass({socket, server});
  EXPECT_EQ(other_of(1), "nginx 20 10.0.0.2:80");
  socket.remote = {};
  socket.conn_id = ConnectionId::kUnknown;
  pass({socket, server});
  EXPECT_EQ(other_of(1), "none");
  EXPECT_EQ(other_of(2), "none");
  EXPECT_EQ(table.conn_id(1), ConnectionId::kUnknown);
}

}  // namespace
}  // namespace sockscope
