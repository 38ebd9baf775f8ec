// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "pipeline/tracker_testing.h"

namespace sockscope {
namespace {

TEST_F(TrackerTest, AGapTellsOnceWhatWasLostSinceTheOneBefore) {
  open();
  connects(1, 10);
  EXPECT_EQ(consume(), 1u);
  const std::uint64_t last_event_ns = world.now_ns;
  passes(kSecond);
  world.loss = {.ring_full = 5, .storage_failed = 1};
  EXPECT_EQ(consume(), 1u);
  ASSERT_EQ(kinds(), Kinds{EventKind::kGap});
  EXPECT_EQ(std::get<event::Gap>(out[0].what).lost, (Loss{.ring_full = 5, .storage_failed = 1}));
  EXPECT_EQ(out[0].mono_ns, last_event_ns);  // the gap comes after everything read so far
  EXPECT_EQ(consume(), 0u);
  world.loss = {.ring_full = 7,
                .storage_failed = 2,
                .malformed = 3,
                .missed_returns = 4,
                .netlink_full = 5,
                .missed_runs = 6};
  consume();
  world.loss = {.ring_full = 17,
                .storage_failed = 22,
                .malformed = 33,
                .missed_returns = 44,
                .netlink_full = 55,
                .missed_runs = 66};
  consume();
  ASSERT_EQ(kinds(), Kinds{EventKind::kGap});
  EXPECT_EQ(std::get<event::Gap>(out[0].what).lost, (Loss{.ring_full = 10,
                                                          .storage_failed = 20,
                                                          .malformed = 30,
                                                          .missed_returns = 40,
                                                          .netlink_full = 50,
                                                          .missed_runs = 60}));
  EXPECT_EQ(tracker->loss(), world.loss);
}

TEST_F(TrackerTest, ALossThatOnlyASnapshotWithoutHandlerSawIsToldLater) {
  open();
  world.loss.ring_full = 3;
  Snapshot taken;
  ASSERT_TRUE(tracker->snapshot(nullptr, taken));
  EXPECT_EQ(taken.lost.ring_full, 3u);
  consume();
  ASSERT_EQ(kinds(), Kinds{EventKind::kGap});
  EXPECT_EQ(std::get<event::Gap>(out[0].what).lost.ring_full, 3u);
}

// The kernel ran no program when 1 ended, and did not count that.
TEST_F(TrackerTest, WhoOnlyFollowsEventsLooksForUntoldEndsNowAndThen) {
  open();
  for (const std::uint64_t cookie : {1, 2, 3}) connects(cookie, 10);
  passes(59 * kSecond);
  consume();
  EXPECT_EQ(world.calls, Calls{});
  world.only_figures = {owned_by(flow_of(2), 10), owned_by(flow_of(4), 11)};
  passes(kSecond);
  EXPECT_EQ(consume(), 0u);
  EXPECT_EQ(world.calls, Calls{"figures"});
  EXPECT_EQ(tracker->table().open_flows(), 1u);  // 4 is older than the tracker and is not wanted
  closes(3, 10);                                 // its event was on the way
  passes(60 * kSecond);
  consume();
  ASSERT_EQ(kinds(), (Kinds{EventKind::kClose, EventKind::kGap}));
  EXPECT_EQ(std::get<event::Gap>(out[1].what).lost, Loss{.missed_runs = 1});
  EXPECT_EQ(tracker->loss().missed_runs, 1u);
  passes(60 * kSecond);
  EXPECT_EQ(consume(), 0u);
  EXPECT_EQ(tracker->cost().resyncs, 0u);
  EXPECT_EQ(world.calls, (Calls{"figures", "figures", "figures"}));
}

// A check shows only known sockets; showing new ones would hide them from the next pass.
TEST_F(TrackerTest, WhoPollsSeldomIsNotCheckedInBetween) {
  world.traits = {.polls = true};
  options.poll_interval = std::chrono::hours(1);
  open();
  passes(120 * kSecond);
  consume();
  EXPECT_EQ(world.calls, Calls{});
}

TEST_F(TrackerTest, EndsThatAKnownLossExplainsAreNotCountedTwice) {
  open();
  connects(1, 10);
  consume();
  world.loss.ring_full = 1;
  for (int i = 0; i < 3; ++i) {
    passes(kSecond);
    snapshot();
  }
  EXPECT_EQ(tracker->loss(), Loss{.ring_full = 1});
}

// An unreadable record leaves a gap, for which nothing wakes the reader.
TEST_F(TrackerTest, LooksAgainAfterRecordsThatItCouldNotRead) {
  open();
  world.waiting.push_back([this](Tracker&) { ++world.loss.malformed; });
  EXPECT_EQ(consume(), 0u);
  EXPECT_TRUE(world.was_busy);
  EXPECT_EQ(tracker->cost().events, 1u);
  EXPECT_EQ(consume(), 1u);
  EXPECT_EQ(kinds(), Kinds{EventKind::kGap});
  EXPECT_FALSE(world.was_busy);
}

TEST_F(TrackerTest, AfterLossTheTableIsReadAnew) {
  open();
  connects(1, 10);
  connects(2, 10);
  consume();
  // The close of 1 and the opening of 3 are lost.
  world.sockets = {owned_by(flow_of(2), 10), owned_by(flow_of(3), 11)};
  world.loss.ring_full = 2;
  passes(kSecond);
  consume();
  EXPECT_EQ(world.calls, Calls{"whole"});
  EXPECT_EQ(tracker->cost().resyncs, 1u);
  Flow flow;
  ASSERT_TRUE(tracker->table().read(1, flow));
  EXPECT_TRUE(flow.closed);
  ASSERT_TRUE(tracker->table().read(2, flow));
  EXPECT_FALSE(flow.closed);
  ASSERT_TRUE(tracker->table().read(3, flow));
  EXPECT_FALSE(flow.closed);
  EXPECT_EQ(flow.owner.pid, 11u);
  ASSERT_EQ(world.gone.size(), 1u);
  EXPECT_EQ(world.gone[0].cookie, 1u);
  passes(50 * kSecond);
  consume();  // everything is in order again
  EXPECT_EQ(world.calls, Calls{"whole"});
}

TEST_F(TrackerTest, WithoutLossNothingIsReadButForSnapshots) {
  open();
  for (int i = 0; i < 3; ++i) {
    passes(10 * kSecond);
    consume();
  }
  EXPECT_EQ(world.calls, Calls{});
}

TEST_F(TrackerTest, HealingIsNoLoadOfItsOwn) {
  open();
  for (int i = 1; i <= 10; ++i) {
    ++world.loss.ring_full;
    consume();
    passes(200 * kMs);
  }
  EXPECT_EQ(world.calls, (Calls{"whole", "whole"}));  // in two seconds
}

TEST_F(TrackerTest, WhatHappenedBeforeAPassDoesNotUndoWhatItShows) {
  open();
  connects(1, 10);
  consume();
  happens(EventKind::kOwner, owned_by(flow_of(1), 11));
  world.sockets = {owned_by(flow_of(1), 12)};
  EXPECT_EQ(find(snapshot(), 1)->owner.pid, 12u);
}

TEST_F(TrackerTest, OnlyFiguresAreReadWhileNothingIsLost) {
  open();
  world.sockets = world.only_figures = {flow_of(1)};
  snapshot();
  world.only_figures[0].counters.tx_bytes = 50;
  Snapshot taken = snapshot();
  ASSERT_EQ(taken.flows.size(), 1u);
  EXPECT_EQ(taken.flows[0].counters.tx_bytes, 50u);
  world.loss.ring_full = 1;
  snapshot();
  snapshot();
  EXPECT_EQ(world.calls, (Calls{"whole", "figures", "whole", "figures"}));
}

TEST_F(TrackerTest, ASocketThatNobodyAnnouncedIsReadWhole) {
  open();
  snapshot();
  world.sockets = world.only_figures = {owned_by(flow_of(1), 10)};
  const Snapshot taken = snapshot();
  EXPECT_EQ(world.calls, (Calls{"whole", "figures", "whole"}));
  ASSERT_NE(find(taken, 1), nullptr);
  EXPECT_EQ(find(taken, 1)->owner.pid, 10u);
  // It is long gone, so figures are enough.
  closes(1, 10);
  consume();
  passes(20 * kSecond);
  consume();
  world.only_figures.clear();
  world.calls.clear();
  snapshot();
  EXPECT_EQ(world.calls, Calls{"figures"});
}

TEST_F(TrackerTest, ASocketThatIsAnnouncedDuringThePassNeedsNoSecondRead) {
  open();
  snapshot();
  world.only_figures = {flow_of(1)};
  world.while_reading = [this] { connects(1, 10); };
  const Snapshot taken = snapshot();
  EXPECT_EQ(world.calls, (Calls{"whole", "figures"}));
  EXPECT_NE(find(taken, 1), nullptr);
}

TEST_F(TrackerTest, WhatAPassMayHideStaysOpenWhileEventsFollowIt) {
  open();
  world.hidden_netns = kNetns;
  world.sockets = {flow_of(1)};
  snapshot();
  world.sockets.clear();
  EXPECT_FALSE(find(snapshot(), 1)->closed);  // the short pass cannot show it
  world.loss.ring_full = 1;                   // its close may be among those lost
  EXPECT_TRUE(find(snapshot(), 1)->closed);
}

TEST_F(TrackerTest, AnAcceptWaitsForTheChildThatServesIt) {
  open();
  happens(EventKind::kAccept, owned_by(flow_of(1, Direction::kInbound), 10, OwnerKind::kInherited));
  connects(2, 20);
  EXPECT_EQ(consume(), 0u);
  EXPECT_EQ(consume(), 0u);
  EXPECT_TRUE(world.was_busy);  // nothing comes, but something is held back
  happens(EventKind::kOwner, owned_by(flow_of(1, Direction::kInbound), 11));
  EXPECT_EQ(consume(), 3u);
  ASSERT_EQ(kinds(), (Kinds{EventKind::kAccept, EventKind::kConnect, EventKind::kOwner}));
  EXPECT_EQ(out[0].flow.owner.pid, 11u);
  EXPECT_LT(out[0].mono_ns, out[1].mono_ns);
  EXPECT_LT(out[1].mono_ns, out[2].mono_ns);
}

TEST_F(TrackerTest, AnAcceptWhoseOwnerIsConfirmedIsToldOnceAndLate) {
  open();
  const Flow accepted = owned_by(flow_of(1, Direction::kInbound), 10, OwnerKind::kInherited);
  happens(EventKind::kAccept, accepted);
  happens(EventKind::kOwner, owned_by(accepted, 10));
  EXPECT_EQ(consume(), 0u);
  passes(static_cast<std::uint64_t>(options.settle_owner.count()) * kMs);
  consume();
  ASSERT_EQ(kinds(), Kinds{EventKind::kAccept});
  EXPECT_EQ(out[0].flow.owner.kind, OwnerKind::kExact);
}

TEST_F(TrackerTest, WhoServesIsLookedForBeforeAnAcceptIsTold) {
  open();
  const Flow accepted = owned_by(flow_of(1, Direction::kInbound), 10, OwnerKind::kInherited);
  world.while_reading_owners = [&] {
    happens(EventKind::kOwner, owned_by(accepted, 11, OwnerKind::kBootstrap));
  };
  happens(EventKind::kAccept, accepted);
  consume();
  EXPECT_TRUE(world.owner_reads.empty());
  passes((static_cast<std::uint64_t>(options.settle_owner.count()) - 2 * 20) * kMs);
  EXPECT_EQ(consume(), 2u);
  EXPECT_EQ(world.owner_reads.size(), 1u);
  EXPECT_EQ(out[0].kind(), EventKind::kAccept);
  EXPECT_EQ(out[0].flow.owner.pid, 11u);
  passes(kSecond);
  consume();
  EXPECT_EQ(world.owner_reads.size(), 1u);
}

TEST_F(TrackerTest, PassesOverOpenFilesTakeTheirShareOfTimeAndNoMore) {
  open();
  world.while_reading_owners = [&] { passes(100 * kMs); };
  snapshot();
  const std::uint64_t first = world.now_ns - 100 * kMs;
  passes(2 * kSecond);
  snapshot();
  EXPECT_EQ(world.owner_reads, std::vector<std::uint64_t>{0});
  passes(2 * kSecond);
  snapshot();
  EXPECT_EQ(world.owner_reads, (std::vector<std::uint64_t>{0, first}));
}

TEST_F(TrackerTest, AGapKeepsItsPlaceBehindAnAcceptThatWaits) {
  open();
  happens(EventKind::kAccept, owned_by(flow_of(1, Direction::kInbound), 10, OwnerKind::kInherited));
  consume();
  world.loss.ring_full = 1;
  EXPECT_EQ(consume(), 0u);
  ASSERT_TRUE(tracker->finish([this](const Event& event) { out.push_back(event); }));
  EXPECT_EQ(kinds(), (Kinds{EventKind::kAccept, EventKind::kGap}));
}

TEST_F(TrackerTest, OwnersAreDescribedAsTheyWereAtEachEvent) {
  options.describe = true;
  world.processes = {process_of(10, "sh", "/bin/sh")};
  open();
  connects(1, 10);
  happens(ProcessEventKind::kExec, process_of(10, "curl", "/bin/curl"));
  connects(2, 10);
  EXPECT_EQ(consume(), 2u);  // events of processes are not wanted
  ASSERT_EQ(kinds(), (Kinds{EventKind::kConnect, EventKind::kConnect}));
  EXPECT_EQ(out[0].flow.owner.name(), "sh");
  ASSERT_NE(out[0].flow.owner.process, nullptr);
  EXPECT_EQ(out[0].flow.owner.process->exe(), "/bin/sh");
  EXPECT_EQ(out[1].flow.owner.name(), "curl");
  EXPECT_EQ(out[1].flow.owner.process->exe(), "/bin/curl");
  EXPECT_EQ(out[1].flow.owner.uid, 33u);
}

TEST_F(TrackerTest, AChildIsItsParentUntilItRunsAnotherProgram) {
  options.describe = options.processes = true;
  world.processes = {process_of(10, "httpd", "/bin/httpd")};
  open();
  happens(EventKind::kAccept, owned_by(flow_of(1, Direction::kInbound), 10, OwnerKind::kInherited));
  ProcessInfo child = process_of(11, "httpd", "", 10);
  child.cgroup = nullptr;
  happens(ProcessEventKind::kFork, child);
  happens(EventKind::kOwner, owned_by(flow_of(1, Direction::kInbound), 11));
  happens(ProcessEventKind::kExec, process_of(11, "cgi", "/bin/cgi", 10));
  closes(1, 11);
  consume();
  ASSERT_EQ(kinds(), (Kinds{EventKind::kAccept, EventKind::kProcess, EventKind::kOwner,
                            EventKind::kProcess, EventKind::kClose}));
  EXPECT_EQ(out[0].flow.owner.pid, 11u);
  EXPECT_EQ(out[0].flow.owner.process->exe(), "/bin/httpd");
  EXPECT_EQ(out[0].flow.owner.process->unit(), "httpd.service");
  EXPECT_EQ(std::get<ProcessEvent>(out[1].what).kind, ProcessEventKind::kFork);
  EXPECT_EQ(out[1].flow.owner.name(), "httpd");
  EXPECT_EQ(std::get<ProcessEvent>(out[3].what).kind, ProcessEventKind::kExec);
  EXPECT_EQ(out[3].flow.owner.name(), "cgi");
  EXPECT_EQ(out[4].flow.owner.process->exe(), "/bin/cgi");
  EXPECT_EQ(out[4].flow.owner.process->parents, "httpd");
}

TEST_F(TrackerTest, AfterLossProcessesAreReadAnewToo) {
  options.describe = true;
  world.processes = {process_of(10, "sh", "/bin/sh")};
  open();
  world.loss.ring_full = 1;
  world.processes = {process_of(10, "curl", "/bin/curl")};
  consume();
  EXPECT_EQ(world.calls, (Calls{"processes", "whole"}));
  ASSERT_NE(tracker->process(10), nullptr);
  EXPECT_EQ(tracker->process(10)->name(), "curl");
}

TEST_F(TrackerTest, SnapshotsDescribeFlowsAndProcesses) {
  options.describe = true;
  world.processes = {process_of(10, "nginx", "/bin/nginx")};
  open();
  world.sockets = {owned_by(flow_of(1), 10)};
  const Snapshot taken = snapshot();
  ASSERT_NE(find(taken, 1), nullptr);
  ASSERT_NE(find(taken, 1)->owner.process, nullptr);
  EXPECT_EQ(find(taken, 1)->owner.process->unit(), "nginx.service");
  const auto owner = std::find_if(taken.processes.begin(), taken.processes.end(),
                                  [](const Process& process) { return process.pid == 10; });
  ASSERT_NE(owner, taken.processes.end());
  ASSERT_NE(owner->info, nullptr);
  EXPECT_EQ(owner->info->exe(), "/bin/nginx");
}

TEST_F(TrackerTest, ClosedFlowsAndDeadProcessesExpire) {
  options.keep_closed = std::chrono::seconds(10);
  world.running = {11};
  open();
  connects(1, 10);
  connects(2, 11);
  closes(1, 10);
  closes(2, 11);
  consume();
  EXPECT_EQ(tracker->table().closed_flows(), 2u);
  passes(9 * kSecond);
  consume();
  EXPECT_EQ(tracker->table().closed_flows(), 2u);
  passes(2 * kSecond);
  consume();
  EXPECT_EQ(tracker->table().closed_flows(), 0u);
  std::vector<std::uint32_t> kept;
  for (const Process& process : snapshot().processes) kept.push_back(process.pid);
  EXPECT_EQ(kept, std::vector<std::uint32_t>{11});
}

TEST_F(TrackerTest, WhatIsKnownOfExitedProcessesExpires) {
  options.describe = true;
  world.processes = {process_of(10, "sh", "/bin/sh")};
  open();
  happens(ProcessEventKind::kExit, process_of(10, "sh", ""));
  consume();
  ASSERT_NE(tracker->process(10), nullptr);
  EXPECT_TRUE(tracker->process(10)->exited);
  passes(59 * kSecond);
  consume();
  EXPECT_NE(tracker->process(10), nullptr);
  passes(2 * kSecond);
  consume();
  EXPECT_EQ(tracker->process(10), nullptr);
}

// More ports than the kernel programs have room for, so they let everything through.
TEST_F(TrackerTest, AFilterTooLongForTheKernelIsAppliedHere) {
  for (std::uint16_t i = 0; i < 100; ++i)
    options.filter.local_ports.push_back(
        {static_cast<std::uint16_t>(30002 + 2 * i), static_cast<std::uint16_t>(30002 + 2 * i)});
  open();
  connects(1, 10);
  connects(2, 10);
  connects(200, 10);
  connects(201, 10);
  world.loss.ring_full = 1;
  EXPECT_EQ(consume(), 3u);
  ASSERT_EQ(kinds(), (Kinds{EventKind::kGap, EventKind::kConnect, EventKind::kConnect}));
  EXPECT_EQ(out[1].flow.cookie, 2u);
  EXPECT_EQ(out[2].flow.cookie, 200u);
  world.sockets = {flow_of(1), flow_of(2)};
  const Snapshot taken = snapshot();
  EXPECT_EQ(find(taken, 1), nullptr);
  EXPECT_NE(find(taken, 2), nullptr);
}

TEST_F(TrackerTest, AFilterMayAskForWhatOnlyTheProcessTells) {
  options.filter.unit = "nginx.service";
  world.processes = {process_of(10, "nginx", "/bin/nginx"), process_of(11, "sshd", "/bin/sshd")};
  open();
  connects(1, 10);
  connects(2, 11);
  EXPECT_EQ(consume(), 1u);
  EXPECT_EQ(out[0].flow.cookie, 1u);
  world.sockets = {owned_by(flow_of(1), 10), owned_by(flow_of(2), 11)};
  const Snapshot taken = snapshot();
  ASSERT_EQ(taken.flows.size(), 1u);
  EXPECT_EQ(taken.flows[0].cookie, 1u);
  EXPECT_EQ(taken.processes.size(), 1u);
}

TEST_F(TrackerTest, EventsOfASnapshotAreTakenIntoAccountAndTold) {
  open();
  connects(1, 10);
  closes(1, 10, 500);
  const Snapshot taken = snapshot();
  EXPECT_EQ(kinds(), (Kinds{EventKind::kConnect, EventKind::kClose}));
  ASSERT_NE(find(taken, 1), nullptr);
  EXPECT_TRUE(find(taken, 1)->closed);
  EXPECT_EQ(find(taken, 1)->counters.tx_bytes, 500u);
}

TEST_F(TrackerTest, PolledSourcesAreReadAgainAndAgain) {
  world.traits = {.polls = true};
  options.poll_interval = std::chrono::milliseconds(250);
  world.sockets = {flow_of(1)};
  open();  // the first read
  passes(200 * kMs);
  consume();
  EXPECT_EQ(world.calls, Calls{});
  passes(50 * kMs + 20 * kSecond);  // a pass took a little CPU time
  world.sockets.clear();
  consume();
  // A missing socket may only have been skipped, so sockets are read twice.
  EXPECT_EQ(world.calls, (Calls{"whole", "whole"}));
  ASSERT_EQ(world.gone.size(), 1u);
  EXPECT_EQ(tracker->cost().resyncs, 0u);
  ASSERT_TRUE(tracker->finish([](const Event&) {}));
  EXPECT_EQ(world.calls.size(), 3u);  // at the end, however short the interval
}

TEST_F(TrackerTest, RemoteEndsOfUdpAreShownWithTheirSocketAndToldWhenItCloses) {
  world.traits.has_udp_peers = true;
  open();
  Flow socket = owned_by(flow_of(1), 10);
  socket.protocol = Protocol::kUdp;
  socket.state = TcpState::kNone;
  socket.direction = Direction::kUnknown;
  socket.remote = {};
  world.sockets = world.only_figures = {socket};
  UdpPeer peer;
  peer.socket = 1;
  peer.remote = flow_of(1).remote;
  peer.since_ns = kBegan;
  peer.counters.tx_bytes = 70;
  world.peers = {peer};
  world.peers_kept = 1;
  world.waiting.push_back([](Tracker& to) { to.take_quic(1); });
  Snapshot taken = snapshot();
  ASSERT_EQ(taken.flows.size(), 2u);
  EXPECT_EQ(taken.flows[0].app, App::kQuic);
  EXPECT_EQ(taken.flows[1].peer_of, 1u);
  EXPECT_EQ(taken.flows[1].app, App::kQuic);
  EXPECT_EQ(taken.flows[1].owner.pid, 10u);
  EXPECT_EQ(tracker->loss().udp_peers, 0u);

  // Three open ones should be remembered, but only one is.
  world.peers_kept = 3;
  taken = snapshot();
  ASSERT_EQ(kinds(), Kinds{EventKind::kGap});
  EXPECT_EQ(std::get<event::Gap>(out[0].what).lost, Loss{.udp_peers = 2});

  happens(EventKind::kClose, socket);
  world.peers[0].socket_closed = true;
  world.peers[0].counters.tx_bytes = 90;
  world.peers_kept = 0;
  passes(kSecond);
  consume();
  ASSERT_EQ(kinds(), (Kinds{EventKind::kClose, EventKind::kUdpPeer}));
  EXPECT_EQ(out[0].flow.app, App::kQuic);
  EXPECT_EQ(out[1].flow.counters.tx_bytes, 90u);
  EXPECT_EQ(out[1].flow.app, App::kQuic);
  EXPECT_EQ(out[1].flow.closed_ns, world.now_ns);
  passes(kSecond);
  EXPECT_EQ(consume(), 0u);
}

TEST_F(TrackerTest, DoorsStandInTheOrderInWhichTheyWereTried) {
  open();
  tracker->add_door({Observation::kOwners, "late", "refused"});
  std::vector<std::string> names;
  for (const Door& door : tracker->doors()) names.push_back(door.name);
  EXPECT_EQ(names, (std::vector<std::string>{"ebpf", "fake", "late"}));
}

}  // namespace
}  // namespace sockscope
