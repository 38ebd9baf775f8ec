// SPDX-License-Identifier: Apache-2.0
#include "track/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr auto kAlive = [](std::uint32_t) { return true; };
constexpr auto kDead = [](std::uint32_t) { return false; };

Owner owner(std::uint32_t pid, const char* name = "curl", OwnerKind kind = OwnerKind::kExact,
            std::uint64_t start_ns = 1) {
  Owner value;
  value.pid = value.opener_pid = pid;
  value.start_ns = start_ns;
  value.uid = 1000;
  value.kind = kind;
  std::strncpy(value.comm.data(), name, value.comm.size() - 1);
  return value;
}

Event event(EventKind kind, std::uint64_t cookie, std::uint64_t at_ns, Owner of = owner(7)) {
  Event value;
  value.what = make_what(kind);
  value.mono_ns = at_ns;
  value.flow.cookie = cookie;
  value.flow.opened_ns = at_ns;
  value.flow.owner = of;
  value.flow.direction = Direction::kOutbound;
  value.flow.state = TcpState::kEstablished;
  value.flow.local.port = 1000;
  return value;
}

Event closed(std::uint64_t cookie, std::uint64_t at_ns, std::uint64_t tx, std::uint64_t rx,
             Owner of = owner(7)) {
  Event value = event(EventKind::kClose, cookie, at_ns, of);
  value.flow.state = TcpState::kClose;
  value.flow.counters.tx_bytes = tx;
  value.flow.counters.rx_bytes = rx;
  return value;
}

Flow shown(std::uint64_t cookie, std::uint64_t tx, std::uint64_t opened_ns,
           TcpState state = TcpState::kEstablished, Owner of = owner(7)) {
  Flow flow;
  flow.cookie = cookie;
  flow.opened_ns = opened_ns;
  flow.state = state;
  flow.owner = of;
  flow.counters.tx_bytes = tx;
  return flow;
}

class FlowTableTest : public testing::Test {
 protected:
  Snapshot take(std::uint64_t now_ns) {
    Snapshot snapshot;
    table.take(now_ns, nullptr, snapshot);
    return snapshot;
  }
  void pass(std::uint64_t now_ns, std::initializer_list<Flow> sockets) {
    table.begin_sync(now_ns);
    for (const Flow& socket : sockets) table.sync(socket);
    table.end_sync();
  }
  static const Process& process(const Snapshot& snapshot, std::uint32_t pid) {
    return *std::find_if(snapshot.processes.begin(), snapshot.processes.end(),
                         [pid](const Process& each) { return each.pid == pid; });
  }

  FlowTable table{{.keep_closed_ns = 10 * kSecond, .max_closed = 3}};
};

TEST_F(FlowTableTest, OpensAndCloses) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  EXPECT_EQ(table.open_flows(), 1u);
  table.apply(closed(1, 2 * kSecond, 100, 200));
  EXPECT_EQ(table.open_flows(), 0u);
  EXPECT_EQ(table.closed_flows(), 1u);
  const Snapshot snapshot = take(3 * kSecond);
  ASSERT_EQ(snapshot.flows.size(), 1u);
  EXPECT_TRUE(snapshot.flows[0].closed);
  EXPECT_EQ(snapshot.flows[0].counters.rx_bytes, 200u);
  EXPECT_EQ(snapshot.flows[0].owner.name(), "curl");
  EXPECT_EQ(snapshot.flows[0].owner.uid, 1000u);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 100u);
  EXPECT_EQ(process(snapshot, 7).closed_flows, 1u);
}

TEST_F(FlowTableTest, TotalsOutliveTheirFlows) {
  for (std::uint64_t cookie = 1; cookie <= 10; ++cookie) {
    table.apply(event(EventKind::kConnect, cookie, kSecond));
    table.apply(closed(cookie, 2 * kSecond, 10, 1));
  }
  EXPECT_EQ(table.closed_flows(), 3u) << "no more than max_closed are kept";
  table.expire(60 * kSecond, kAlive);
  EXPECT_EQ(table.closed_flows(), 0u);
  const Snapshot snapshot = take(61 * kSecond);
  EXPECT_TRUE(snapshot.flows.empty());
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 100u);
  EXPECT_EQ(process(snapshot, 7).rx_bytes, 10u);
  EXPECT_EQ(process(snapshot, 7).closed_flows, 10u);
}

TEST_F(FlowTableTest, SegmentsPerSecondAreThoseOfTcpOfTheInterval) {
  Flow old = shown(1, 0, 100);
  old.counters.tx_segments = 1'000'000;  // from before it was observed
  Flow datagrams = shown(2, 0, 100);
  datagrams.protocol = Protocol::kUdp;
  datagrams.state = TcpState::kNone;
  pass(kSecond, {old, datagrams});
  EXPECT_FALSE(process(take(kSecond), 7).tx_segment_rate);
  old.counters.tx_segments += 60;
  old.counters.retransmits = 3;
  datagrams.counters.tx_segments = 5'000;
  table.apply(event(EventKind::kConnect, 3, 2 * kSecond));
  Event over = closed(3, 3 * kSecond, 10, 10);
  over.flow.counters.tx_segments = 40;
  table.apply(over);
  pass(3 * kSecond, {old, datagrams});
  const Snapshot snapshot = take(3 * kSecond);
  EXPECT_DOUBLE_EQ(*process(snapshot, 7).tx_segment_rate, 50);
  EXPECT_DOUBLE_EQ(*process(snapshot, 7).retransmit_rate, 1.5);
  pass(4 * kSecond, {old, datagrams});
  EXPECT_DOUBLE_EQ(*process(take(4 * kSecond), 7).tx_segment_rate, 0);
}

TEST_F(FlowTableTest, ClosedFlowsAreKeptForAWhile) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  table.apply(closed(1, 2 * kSecond, 0, 0));
  table.expire(11 * kSecond, kAlive);
  EXPECT_EQ(table.closed_flows(), 1u);
  table.expire(13 * kSecond, kAlive);
  EXPECT_EQ(table.closed_flows(), 0u);
}

TEST_F(FlowTableTest, AProcessKeepsWhatItMovedWhenAnotherTakesTheConnectionOver) {
  pass(kSecond, {shown(1, 500, 100)});
  EXPECT_FALSE(table.apply(event(EventKind::kOwner, 1, 2 * kSecond, owner(7))));
  EXPECT_TRUE(table.apply(event(EventKind::kOwner, 1, 2 * kSecond, owner(8, "worker"))));
  pass(3 * kSecond, {shown(1, 700, 100, TcpState::kEstablished, owner(8, "worker"))});
  Snapshot snapshot = take(3 * kSecond);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 500u);
  EXPECT_EQ(process(snapshot, 7).open_flows, 0u);
  EXPECT_EQ(process(snapshot, 8).tx_bytes, 200u);
  EXPECT_EQ(process(snapshot, 8).open_flows, 1u);
  EXPECT_EQ(snapshot.flows[0].owner.pid, 8u);
  EXPECT_EQ(snapshot.flows[0].counters.tx_bytes, 700u);

  // Handed back and forth, then closed by a third process, which moved the rest.
  table.apply(event(EventKind::kOwner, 1, 4 * kSecond, owner(7)));
  pass(5 * kSecond, {shown(1, 800, 100)});
  table.apply(closed(1, 6 * kSecond, 850, 0, owner(9, "closer")));
  snapshot = take(7 * kSecond);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 600u);
  EXPECT_EQ(process(snapshot, 9).tx_bytes, 50u);
  EXPECT_EQ(process(snapshot, 9).closed_flows, 1u);
  table.expire(1000 * kSecond, kDead);
  EXPECT_TRUE(take(1001 * kSecond).processes.empty());
}

// The process forked, passed the connection on and exited; only a pass over open files finds the
// child.
TEST_F(FlowTableTest, WhatMovesWhenTheOwnerIsGoneIsTheNextOnes) {
  std::set<std::uint32_t> running = {7, 8};
  int asked = 0;
  table = FlowTable({10 * kSecond, 10},
                    [&](std::uint32_t pid) { return ++asked, running.contains(pid); });
  std::uint64_t now = 0;
  const auto look = [&](std::initializer_list<Flow> sockets) {
    table.begin_sync(now += kSecond);
    for (const Flow& socket : sockets) table.sync(socket);
    table.end_sync();
    Snapshot snapshot;
    table.take(now, nullptr, snapshot);
    return snapshot;
  };
  look({shown(1, 500, 100), shown(2, 100, 100)});
  asked = 0;
  look({shown(1, 600, 100), shown(2, 200, 100)});
  EXPECT_EQ(asked, 1) << "for both flows";
  running.erase(7);
  EXPECT_EQ(process(look({shown(1, 1000, 100)}), 7).tx_bytes, 800u);
  const Snapshot snapshot = look({shown(1, 1500, 100, TcpState::kEstablished, owner(8, "child"))});
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 800u);
  EXPECT_EQ(process(snapshot, 8).tx_bytes, 900u);

  // No owner is found, perhaps because it cannot be seen.
  running.erase(8);
  const Flow orphan = shown(1, 1600, 100, TcpState::kEstablished, owner(8, "child"));
  EXPECT_EQ(process(look({orphan}), 8).tx_bytes, 900u);
  EXPECT_EQ(process(look({orphan}), 8).tx_bytes, 900u);
  EXPECT_EQ(process(look({orphan}), 8).tx_bytes, 900u);
  EXPECT_EQ(process(look({orphan}), 8).tx_bytes, 1000u);
  // The kernel sends the data that the process left behind.
  look({shown(1, 1650, 100, TcpState::kFinWait1, owner(8, "child"))});
  table.apply(closed(1, now, 1700, 0, owner(8, "child")));
  Snapshot last;
  table.take(now, nullptr, last);
  EXPECT_EQ(process(last, 8).tx_bytes, 1100u);
}

TEST_F(FlowTableTest, WhoWasOnlyGuessedOrMovedNothingKeepsNothing) {
  table.apply(event(EventKind::kAccept, 1, kSecond, owner(7, "server", OwnerKind::kInherited)));
  table.apply(event(EventKind::kAccept, 2, kSecond, owner(7, "server")));
  table.apply(event(EventKind::kOwner, 2, kSecond, owner(8, "worker")));
  pass(2 * kSecond,
       {shown(1, 500, 100, TcpState::kEstablished, owner(7, "server", OwnerKind::kInherited)),
        shown(2, 50, 100, TcpState::kEstablished, owner(8, "worker"))});
  table.apply(event(EventKind::kOwner, 1, 3 * kSecond, owner(8, "worker")));
  const Snapshot snapshot = take(4 * kSecond);
  ASSERT_EQ(snapshot.processes.size(), 1u);
  EXPECT_EQ(process(snapshot, 8).tx_bytes, 550u);
}

TEST_F(FlowTableTest, AFilterForAFlowShowsWhoHadItBefore) {
  pass(kSecond, {shown(1, 500, 100), shown(2, 500, 100, TcpState::kEstablished, owner(5))});
  table.apply(event(EventKind::kOwner, 1, 2 * kSecond, owner(8, "worker")));
  Snapshot snapshot;
  table.take(
      3 * kSecond, [](const Flow& flow) { return flow.cookie == 1; }, snapshot);
  std::vector<std::uint32_t> pids;
  for (const Process& process : snapshot.processes) pids.push_back(process.pid);
  std::sort(pids.begin(), pids.end());
  EXPECT_EQ(pids, (std::vector<std::uint32_t>{7, 8}));
}

TEST_F(FlowTableTest, AReusedPidIsAnotherProcess) {
  table.apply(closed(1, kSecond, 10, 0, owner(7, "first", OwnerKind::kExact, 100)));
  table.apply(closed(2, kSecond, 20, 0, owner(7, "second", OwnerKind::kExact, 200)));
  const Snapshot snapshot = take(2 * kSecond);
  ASSERT_EQ(snapshot.processes.size(), 2u);
  EXPECT_EQ(snapshot.processes[0].tx_bytes + snapshot.processes[1].tx_bytes, 30u);
  EXPECT_NE(snapshot.processes[0].name(), snapshot.processes[1].name());
}

TEST_F(FlowTableTest, AnUnknownOwnerNeverReplacesAKnownOne) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  pass(2 * kSecond, {shown(1, 5, kSecond, TcpState::kEstablished, Owner{})});
  EXPECT_EQ(take(3 * kSecond).flows[0].owner.pid, 7u);
}

TEST_F(FlowTableTest, AFlowGoneFromTheKernelIsClosed) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  table.apply(event(EventKind::kConnect, 2, kSecond));
  pass(2 * kSecond, {shown(2, 0, kSecond)});
  EXPECT_EQ(table.open_flows(), 1u);
  EXPECT_EQ(table.closed_flows(), 1u);
}

TEST_F(FlowTableTest, AFlowThatAPassMissedComesBack) {
  pass(kSecond, {shown(1, 100, 500), shown(2, 100, 500)});
  take(kSecond);
  pass(2 * kSecond, {});
  EXPECT_EQ(table.open_flows(), 0u);
  Flow figures = shown(1, 150, 500);
  table.begin_sync(3 * kSecond);
  EXPECT_TRUE(table.sync_counters(figures));
  table.sync(shown(2, 120, 500));
  table.end_sync();
  const Snapshot snapshot = take(3 * kSecond);
  EXPECT_EQ(table.open_flows(), 2u);
  EXPECT_EQ(table.closed_flows(), 0u);
  EXPECT_EQ(process(snapshot, 7).closed_flows, 0u);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 270u);
}

TEST_F(FlowTableTest, AFlowOpenedDuringThePassStays) {
  table.begin_sync(2 * kSecond);
  table.apply(event(EventKind::kConnect, 1, 2 * kSecond + 5));
  table.end_sync();
  EXPECT_EQ(table.open_flows(), 1u);
}

TEST_F(FlowTableTest, ALateCloseCorrectsWhatAPassClosed) {
  pass(kSecond, {shown(1, 400, 10)});
  pass(2 * kSecond, {});
  table.apply(closed(1, 3 * kSecond, 450, 7));
  const Snapshot snapshot = take(4 * kSecond);
  EXPECT_EQ(snapshot.flows.size(), 1u);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 450u) << "never counted twice";
  EXPECT_EQ(process(snapshot, 7).closed_flows, 1u);
}

TEST_F(FlowTableTest, APassNeverDoublesWhatEventsBrought) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  pass(2 * kSecond, {shown(1, 30, kSecond), shown(1, 30, kSecond)});
  table.apply(event(EventKind::kConnect, 1, kSecond));
  const Snapshot snapshot = take(3 * kSecond);
  EXPECT_EQ(snapshot.flows.size(), 1u);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 30u);
  EXPECT_EQ(process(snapshot, 7).open_flows, 1u);
}

TEST_F(FlowTableTest, AShortPassBringsFiguresAlone) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  table.begin_sync(2 * kSecond);
  Flow figures;
  figures.cookie = 1;
  figures.state = TcpState::kCloseWait;
  figures.counters.tx_bytes = 30;
  EXPECT_TRUE(table.sync_counters(figures));
  figures.cookie = 2;
  EXPECT_FALSE(table.sync_counters(figures)) << "not known";
  table.end_sync();
  const Snapshot snapshot = take(3 * kSecond);
  ASSERT_EQ(snapshot.flows.size(), 1u);
  EXPECT_EQ(snapshot.flows[0].state, TcpState::kCloseWait);
  EXPECT_EQ(snapshot.flows[0].owner.pid, 7u);
  EXPECT_EQ(snapshot.flows[0].local.port, 1000);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 30u);
}

TEST_F(FlowTableTest, AClosedFlowInTimeWaitStaysAsLongAsTheKernelShowsIt) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  table.apply(closed(1, 2 * kSecond, 9, 9));
  pass(30 * kSecond, {shown(1, 0, 0, TcpState::kTimeWait, Owner{})});
  table.expire(30 * kSecond, kAlive);
  const Snapshot snapshot = take(30 * kSecond);
  ASSERT_EQ(snapshot.flows.size(), 1u);
  EXPECT_EQ(snapshot.flows[0].state, TcpState::kTimeWait);
  EXPECT_EQ(snapshot.flows[0].owner.pid, 7u) << "the kernel forgot it, we did not";
  EXPECT_EQ(snapshot.flows[0].counters.tx_bytes, 9u);
  pass(70 * kSecond, {});
  table.expire(70 * kSecond, kAlive);
  EXPECT_EQ(table.closed_flows(), 0u);
}

TEST_F(FlowTableTest, MoreInTimeWaitThanClosedOnesAreKeptAreAllShown) {
  for (int round = 1; round <= 2; ++round) {
    table.begin_sync(static_cast<std::uint64_t>(round) * kSecond);
    for (std::uint64_t cookie = 1; cookie <= 100; ++cookie)
      table.sync(shown(cookie, 0, 0, TcpState::kTimeWait, Owner{}));
    table.end_sync();
    table.expire(static_cast<std::uint64_t>(round) * kSecond, kAlive);
    EXPECT_EQ(take(static_cast<std::uint64_t>(round) * kSecond + 1).flows.size(), 100u);
  }
}

TEST_F(FlowTableTest, RemnantsDoNotDriveOutWhatWasSeenToClose) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  table.apply(closed(1, 2 * kSecond, 9, 9));
  table.apply(event(EventKind::kConnect, 2, kSecond));
  table.apply(closed(2, 2 * kSecond, 8, 8));
  for (std::uint64_t round = 3; round <= 4; ++round) {
    table.begin_sync(round * kSecond);
    for (std::uint64_t cookie = 1000; cookie >= 2; --cookie)
      table.sync(shown(cookie, 0, 0, TcpState::kTimeWait, Owner{}));
    table.end_sync();
    const Snapshot snapshot = take(round * kSecond + 1);
    EXPECT_EQ(snapshot.flows.size(), 1000u);
    for (const Flow& flow : snapshot.flows) {
      EXPECT_EQ(flow.owner.pid, flow.cookie <= 2 ? 7u : 0u) << flow.cookie;
    }
  }
  pass(5 * kSecond, {});
  EXPECT_EQ(take(5 * kSecond).flows.size(), 2u);
}

TEST_F(FlowTableTest, AFlowThatOpensJustBeforeAPassStaysOpen) {
  table.begin_sync(2 * kSecond);
  Flow figures;
  figures.cookie = 1;
  EXPECT_FALSE(table.sync_counters(figures));
  table.apply(event(EventKind::kAccept, 1, 2 * kSecond - 5));
  table.end_sync();
  EXPECT_EQ(table.open_flows(), 1u);
}

TEST_F(FlowTableTest, TheCloseOfARemnantCountsOnce) {
  pass(kSecond, {shown(1, 0, 0, TcpState::kTimeWait, Owner{})});
  table.apply(closed(1, 2 * kSecond, 5, 6));
  const Snapshot snapshot = take(3 * kSecond);
  ASSERT_EQ(snapshot.processes.size(), 1u);
  EXPECT_EQ(process(snapshot, 7).closed_flows, 1u);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 5u);
}

TEST_F(FlowTableTest, CountersThatBeganAnewAreAnotherFlow) {
  Flow socket = shown(1, 100, 500);
  socket.counters.retransmits = 3;
  pass(kSecond, {socket});
  pass(2 * kSecond, {shown(1, 7, 1500)});
  const Snapshot snapshot = take(3 * kSecond);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 107u);
  EXPECT_EQ(process(snapshot, 7).retransmits, 3u);
  EXPECT_EQ(process(snapshot, 7).open_flows, 1u);
}

TEST_F(FlowTableTest, ASocketConnectedAgainIsANewFlow) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  table.apply(closed(1, 2 * kSecond, 100, 0));
  table.apply(event(EventKind::kConnect, 1, 3 * kSecond));
  table.apply(closed(1, 4 * kSecond, 11, 0));
  const Snapshot snapshot = take(5 * kSecond);
  EXPECT_EQ(process(snapshot, 7).tx_bytes, 111u);
  EXPECT_EQ(process(snapshot, 7).closed_flows, 2u);
}

TEST_F(FlowTableTest, UdpSocketIsKnownFromItsCloseAlone) {
  Event close = closed(1, 2 * kSecond, 40, 80);
  close.flow.protocol = Protocol::kUdp;
  close.flow.state = TcpState::kNone;
  table.apply(close);
  const Snapshot snapshot = take(3 * kSecond);
  ASSERT_EQ(snapshot.flows.size(), 1u);
  EXPECT_EQ(snapshot.flows[0].protocol, Protocol::kUdp);
  EXPECT_EQ(process(snapshot, 7).rx_bytes, 80u);
}

TEST_F(FlowTableTest, UdpThatIsNotCountedHasNoCounters) {
  Event close = closed(1, 2 * kSecond, 0, 0);
  close.flow.protocol = Protocol::kUdp;
  close.flow.has_counters = false;
  table.apply(close);
  EXPECT_FALSE(take(3 * kSecond).flows.at(0).has_counters);
}

TEST_F(FlowTableTest, RatesAreDifferencesBetweenSnapshots) {
  pass(kSecond, {shown(1, 1'000'000, 0)});
  EXPECT_FALSE(take(kSecond).flows[0].tx_rate) << "nothing to compare with yet";
  pass(3 * kSecond, {shown(1, 1'004'000, 0)});
  const Snapshot snapshot = take(3 * kSecond);
  EXPECT_DOUBLE_EQ(*snapshot.interval_s, 2.0);
  EXPECT_DOUBLE_EQ(*snapshot.flows[0].tx_rate, 2'000.0);
  EXPECT_DOUBLE_EQ(*process(snapshot, 7).tx_rate, 2'000.0);
}

TEST_F(FlowTableTest, BytesOfAFlowThatCameAndWentCountInTheProcessesRate) {
  take(kSecond);
  table.apply(event(EventKind::kConnect, 1, kSecond + 1));
  table.apply(closed(1, kSecond + 2, 3'000, 0));
  EXPECT_DOUBLE_EQ(*process(take(2 * kSecond), 7).tx_rate, 3'000.0);
  EXPECT_DOUBLE_EQ(*process(take(3 * kSecond), 7).tx_rate, 0.0);
}

TEST_F(FlowTableTest, BytesFromBeforeTheFirstSightAreNoRate) {
  take(kSecond);
  pass(2 * kSecond, {shown(1, 1'000'000, 0), shown(2, 50, kSecond + 1)});
  const Snapshot snapshot = take(2 * kSecond);
  for (const Flow& flow : snapshot.flows)
    EXPECT_DOUBLE_EQ(*flow.tx_rate, flow.cookie == 1 ? 0.0 : 50.0);
}

TEST_F(FlowTableTest, ExitedProcessesWithoutFlowsAreForgotten) {
  table.apply(closed(1, kSecond, 5, 5));
  table.expire(60 * kSecond, kDead);
  table.expire(61 * kSecond, kDead);
  EXPECT_TRUE(take(62 * kSecond).processes.empty());
}

TEST_F(FlowTableTest, AFailedConnectLeavesNothingOpen) {
  pass(kSecond, {shown(1, 0, 500, TcpState::kSynSent)});
  table.apply(event(EventKind::kConnectFailed, 1, 2 * kSecond));
  EXPECT_EQ(table.open_flows(), 0u);
  table.apply(event(EventKind::kConnectFailed, 2, 2 * kSecond));
  EXPECT_EQ(table.open_flows() + table.closed_flows(), 1u);
}

TEST_F(FlowTableTest, WantedChoosesFlowsAndTheirProcesses) {
  table.apply(event(EventKind::kConnect, 1, kSecond, owner(7)));
  table.apply(event(EventKind::kConnect, 2, kSecond, owner(8)));
  Snapshot snapshot;
  table.take(
      2 * kSecond, [](const Flow& flow) { return flow.owner.pid == 8; }, snapshot);
  ASSERT_EQ(snapshot.flows.size(), 1u);
  ASSERT_EQ(snapshot.processes.size(), 1u);
  EXPECT_EQ(snapshot.processes[0].pid, 8u);
}

// How a source without events learns what happened, from a pass.
TEST_F(FlowTableTest, APassTellsWhatChanged) {
  table.begin_sync(kSecond);
  FlowTable::Change change = table.sync(shown(1, 0, 0, TcpState::kSynSent));
  EXPECT_TRUE(change.is_new);
  EXPECT_FALSE(change.is_closed);
  table.sync(shown(2, 0, 0));
  EXPECT_FALSE(table.misses_some());
  table.end_sync();

  table.begin_sync(2 * kSecond);
  EXPECT_TRUE(table.misses_some());
  change = table.sync(shown(1, 0, 0));
  EXPECT_FALSE(change.is_new);
  EXPECT_EQ(change.before, TcpState::kSynSent);
  EXPECT_TRUE(table.misses_some());
  std::vector<Flow> gone;
  table.end_sync([&](const Flow& flow) { gone.push_back(flow); });
  ASSERT_EQ(gone.size(), 1u);
  EXPECT_EQ(gone[0].cookie, 2u);
  EXPECT_EQ(gone[0].state, TcpState::kEstablished);
  EXPECT_EQ(gone[0].owner.pid, 7u);

  table.begin_sync(3 * kSecond);
  change = table.sync(shown(1, 0, 0, TcpState::kTimeWait));
  EXPECT_TRUE(change.is_closed);
  EXPECT_EQ(change.before, TcpState::kEstablished);
  gone.clear();
  table.end_sync([&](const Flow& flow) { gone.push_back(flow); });
  EXPECT_TRUE(gone.empty());
  EXPECT_FALSE(table.misses_some());
}

TEST_F(FlowTableTest, ReadsOneFlow) {
  pass(kSecond, {shown(1, 5, 0)});
  Flow flow;
  ASSERT_TRUE(table.read(1, flow));
  EXPECT_EQ(flow.counters.tx_bytes, 5u);
  EXPECT_EQ(flow.owner.pid, 7u);
  EXPECT_FALSE(table.read(2, flow));
}

TEST_F(FlowTableTest, AProcessOfWhichNothingIsCountedHasNoRates) {
  Flow uncounted = shown(1, 0, 0);
  uncounted.has_counters = false;
  pass(kSecond, {uncounted});
  take(kSecond);
  EXPECT_FALSE(process(take(2 * kSecond), 7).rx_rate);
  pass(3 * kSecond, {uncounted, shown(2, 9, 0)});
  EXPECT_TRUE(process(take(3 * kSecond), 7).rx_rate);
  pass(4 * kSecond, {});
  EXPECT_EQ(process(take(4 * kSecond), 7).rx_rate, 0.0) << "they are over";
}

TEST_F(FlowTableTest, WithoutCountersThereAreNoRates) {
  Flow uncounted = shown(1, 0, 0);
  uncounted.has_counters = false;
  Flow remnant = shown(3, 0, 0, TcpState::kTimeWait);  // no longer moves anything
  remnant.has_counters = false;
  pass(kSecond, {uncounted, shown(2, 0, 0), remnant});
  take(kSecond);
  pass(2 * kSecond, {uncounted, shown(2, 9, 0), remnant});
  const Snapshot snapshot = take(2 * kSecond);
  ASSERT_EQ(snapshot.flows.size(), 3u);
  for (const Flow& flow : snapshot.flows) EXPECT_EQ(flow.tx_rate.has_value(), flow.cookie != 1);
}

TEST_F(FlowTableTest, WhatAPassHidesStaysOpenUntilItsCloseIsTold) {
  Event here = event(EventKind::kConnect, 1, kSecond);
  Event there = event(EventKind::kConnect, 2, kSecond);
  there.flow.netns = 9;
  table.apply(here);
  table.apply(there);
  table.begin_sync(2 * kSecond);
  table.end_sync(nullptr, [](const Flow& flow) { return flow.netns == 9; });
  EXPECT_EQ(table.open_flows(), 1u);
  Flow flow;
  ASSERT_TRUE(table.read(2, flow));
  EXPECT_FALSE(flow.closed);
  Event end = closed(2, 3 * kSecond, 5, 6);
  end.flow.netns = 9;
  table.apply(end);
  EXPECT_EQ(table.open_flows(), 0u);
}

TEST_F(FlowTableTest, EndsThatNobodyToldAreCountedByTheNextPass) {
  Event listener = event(EventKind::kAccept, 4, kSecond);
  listener.flow.direction = Direction::kListen;
  for (const std::uint64_t cookie : {1, 2, 3, 5, 6, 7})
    table.apply(event(EventKind::kConnect, cookie, kSecond));
  table.apply(listener);
  const auto pass = [this](std::uint64_t at_ns, std::initializer_list<Flow> sockets) {
    table.begin_sync(at_ns, true);
    for (const Flow& socket : sockets) table.sync(socket);
    table.end_sync();
  };
  // 1 is gone. 2 is gone and its close is on the way. 3 is in TIME_WAIT. 5 too, and its close is on
  // the way. 6 was skipped.
  pass(2 * kSecond, {shown(3, 0, kSecond, TcpState::kTimeWait),
                     shown(5, 0, kSecond, TcpState::kTimeWait), shown(7, 0, kSecond)});
  EXPECT_EQ(table.open_flows(), 1u);
  EXPECT_EQ(table.untold_ends(), 0u);
  table.apply(closed(2, 2 * kSecond, 5, 6));
  table.apply(closed(5, 2 * kSecond, 5, 6));
  pass(3 * kSecond, {shown(6, 0, kSecond), shown(7, 0, kSecond)});
  EXPECT_EQ(table.untold_ends(), 2u);
  pass(4 * kSecond, {shown(6, 0, kSecond), shown(7, 0, kSecond)});
  EXPECT_EQ(table.untold_ends(), 2u);
}

TEST_F(FlowTableTest, AnUntoldEndIsCountedWhenItsFlowIsForgotten) {
  table.apply(event(EventKind::kConnect, 1, kSecond));
  table.begin_sync(2 * kSecond, true);
  table.end_sync();
  table.expire(1000 * kSecond, kAlive);
  EXPECT_EQ(table.closed_flows(), 0u);
  EXPECT_EQ(table.untold_ends(), 1u);
}

TEST_F(FlowTableTest, EndsThatALossExplainsAreNotCounted) {
  for (const std::uint64_t cookie : {1, 2})
    table.apply(event(EventKind::kConnect, cookie, kSecond));
  table.begin_sync(2 * kSecond, true);
  table.sync(shown(2, 0, kSecond));
  table.end_sync();
  table.begin_sync(3 * kSecond, false);  // something was lost since then
  table.end_sync();
  table.begin_sync(4 * kSecond, true);
  table.end_sync();
  EXPECT_EQ(table.untold_ends(), 0u);
}

}  // namespace
}  // namespace sockscope
