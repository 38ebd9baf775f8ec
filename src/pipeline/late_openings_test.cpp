// SPDX-License-Identifier: Apache-2.0
// Options::late_openings: openings that a pass or a close is the first to show.
#include "pipeline/tracker_testing.h"

namespace sockscope {
namespace {

constexpr std::uint32_t kPid = 10;

class LateOpenings : public TrackerTest {
 protected:
  LateOpenings() { options.late_openings = true; }

  // A connection that opened at that time, as passes and its close show it.
  static Flow opened_at(std::uint64_t cookie, std::uint64_t ns,
                        Direction direction = Direction::kOutbound) {
    Flow flow = owned_by(flow_of(cookie, direction), kPid);
    flow.opened_ns = ns;
    return flow;
  }
  void closes(Flow flow, const Opening& opening) {
    flow.state = TcpState::kClose;
    flow.closed = true;
    flow.closed_ns = world.now_ns + 1;
    happens(EventKind::kClose, flow, opening);
  }
  void shows(const Flow& flow, const Opening& opening) {
    world.sockets = world.only_figures = {flow};
    world.openings[flow.cookie] = opening;
  }

  static constexpr Opening kSeen{.state = TcpState::kEstablished, .latency_us = 250};
};

TEST_F(LateOpenings, ACloseTellsTheOpeningFirst) {
  open();
  Flow flow = opened_at(1, kBegan + kMs);
  flow.counters.tx_bytes = 100;
  closes(flow, kSeen);
  EXPECT_EQ(consume(), 2u);
  ASSERT_EQ(kinds(), (Kinds{EventKind::kConnect, EventKind::kClose}));
  EXPECT_EQ(out[0].mono_ns, kBegan + kMs);
  EXPECT_EQ(std::get<event::Connect>(out[0].what).latency_us, 250u);
  EXPECT_EQ(out[0].flow.state, TcpState::kEstablished);
  EXPECT_FALSE(out[0].flow.closed);
  EXPECT_EQ(out[0].flow.closed_ns, 0u);
  EXPECT_EQ(out[0].flow.counters.tx_bytes, 0u);
  EXPECT_EQ(out[0].flow.owner.pid, kPid);
  EXPECT_EQ(out[1].flow.counters.tx_bytes, 100u);

  const Snapshot taken = snapshot();
  ASSERT_EQ(taken.processes.size(), 1u);
  EXPECT_EQ(taken.processes[0].tx_bytes, 100u);
  EXPECT_EQ(taken.processes[0].closed_flows, 1u);
}

TEST_F(LateOpenings, APassTellsItOnceAndTheCloseNoMore) {
  open();
  const Flow flow = opened_at(1, kBegan + kMs, Direction::kInbound);
  passes(10 * kMs);
  shows(flow, kSeen);
  snapshot();
  ASSERT_EQ(kinds(), Kinds{EventKind::kAccept});
  EXPECT_EQ(out[0].mono_ns, kBegan + kMs);
  snapshot();
  EXPECT_TRUE(out.empty());
  closes(flow, kSeen);
  consume();
  EXPECT_EQ(kinds(), Kinds{EventKind::kClose});
}

// An accept whose owner is inherited is not held back: the pass has looked for the owner.
TEST_F(LateOpenings, NothingIsHeldBack) {
  open();
  Flow flow = opened_at(1, kBegan + kMs, Direction::kInbound);
  flow.owner.kind = OwnerKind::kInherited;
  shows(flow, kSeen);
  snapshot();
  EXPECT_EQ(kinds(), Kinds{EventKind::kAccept});
}

TEST_F(LateOpenings, AConnectionInProgressIsToldWhenItIsEstablished) {
  open();
  Flow flow = opened_at(1, kBegan + kMs);
  flow.state = TcpState::kSynSent;
  shows(flow, {});
  snapshot();
  EXPECT_TRUE(out.empty());
  shows(opened_at(1, kBegan + 2 * kMs), kSeen);
  snapshot();  // short, but the socket is new to it
  EXPECT_EQ(kinds(), Kinds{EventKind::kConnect});
}

TEST_F(LateOpenings, ASocketThatConnectsAgainOpensTwice) {
  open();
  closes(opened_at(1, kBegan + kMs), kSeen);
  consume();
  passes(kMs);
  closes(opened_at(1, world.now_ns), kSeen);
  EXPECT_EQ(consume(), 2u);
  EXPECT_EQ(kinds(), (Kinds{EventKind::kConnect, EventKind::kClose}));
  EXPECT_EQ(snapshot().processes.at(0).closed_flows, 2u);
}

TEST_F(LateOpenings, WhatIsOlderThanSockscopeHasNoOpening) {
  open();
  const Flow flow = opened_at(1, 0);
  shows(flow, {});
  snapshot();
  closes(flow, {});
  consume();
  EXPECT_EQ(kinds(), Kinds{EventKind::kClose});
}

// TCP fast open may give a connection to its server at a time that is no longer known.
TEST_F(LateOpenings, AnOpeningWithoutATimeIsToldNow) {
  open();
  const Flow flow = opened_at(1, 0, Direction::kInbound);
  const std::uint64_t before = world.now_ns;
  closes(flow, {.state = TcpState::kSynRecv});
  consume();
  ASSERT_EQ(kinds(), (Kinds{EventKind::kAccept, EventKind::kClose}));
  EXPECT_GE(out[0].mono_ns, before);
  EXPECT_EQ(out[0].flow.state, TcpState::kSynRecv);
  EXPECT_EQ(out[0].flow.opened_ns, 0u);
}

// Without snapshots a pass is made once a minute, so that openings are told at last.
TEST_F(LateOpenings, WithoutSnapshotsAPassComesOnceAMinute) {
  open();
  shows(opened_at(1, kBegan + kMs), kSeen);
  consume();
  EXPECT_TRUE(out.empty());
  passes(61 * kSecond);
  consume();
  EXPECT_EQ(kinds(), Kinds{EventKind::kConnect});
}

}  // namespace
}  // namespace sockscope
