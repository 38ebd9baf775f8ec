// SPDX-License-Identifier: Apache-2.0
#include "model/story.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "model/address.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

class StoryBookTest : public testing::Test {
 protected:
  Event process(ProcessEventKind kind, std::uint32_t pid, std::uint64_t at,
                std::uint64_t start = 1) {
    Event event;
    event.mono_ns = at;
    event.what = ProcessEvent{.kind = kind, .pid = pid, .tid = pid};
    event.flow.owner.pid = pid;
    event.flow.owner.start_ns = start;
    auto info = std::make_shared<ProcessInfo>();
    info->pid = pid;
    info->start_ns = start;
    event.flow.owner.process = std::move(info);
    return event;
  }
  Event flow(EventKind kind, std::uint32_t pid, std::uint64_t cookie, std::uint64_t at,
             std::uint64_t start = 1) {
    Event event;
    event.what = make_what(kind);
    event.mono_ns = at;
    event.flow.cookie = cookie;
    event.flow.owner.pid = pid;
    event.flow.owner.start_ns = start;
    event.flow.closed = kind == EventKind::kClose;
    return event;
  }
  Event close(std::uint32_t pid, std::uint64_t cookie, std::uint64_t at, std::uint64_t tx,
              std::uint64_t rx, std::uint32_t rtt = 0, std::uint64_t start = 1) {
    Event event = flow(EventKind::kClose, pid, cookie, at, start);
    event.flow.counters.tx_bytes = tx;
    event.flow.counters.rx_bytes = rx;
    event.flow.counters.srtt_us = rtt;
    return event;
  }
  void apply(const Event& event) { book_.apply(event, keep_); }
  void release(std::uint64_t now) { book_.release(now, keep_); }

  StoryBook book_{100 * kMs, {.dns = true, .udp_peers = true}};
  std::vector<Story> told_;
  StoryBook::Handler keep_ = [this](const Story& story) { told_.push_back(story); };
};

TEST_F(StoryBookTest, FromStartToEnd) {
  apply(process(ProcessEventKind::kFork, 7, 10 * kMs));
  apply(flow(EventKind::kConnect, 7, 100, 11 * kMs));
  apply(flow(EventKind::kConnectFailed, 7, 101, 12 * kMs));
  apply(close(7, 100, 13 * kMs, 10, 20, 400));
  apply(flow(EventKind::kConnect, 7, 102, 14 * kMs));
  Event end = process(ProcessEventKind::kExit, 7, 94 * kMs);
  std::get<ProcessEvent>(end.what).exit_status = 3 << 8;
  apply(end);
  apply(close(7, 102, 95 * kMs, 1, 2, 300));  // closed by the kernel, after the exit
  EXPECT_TRUE(told_.empty());
  EXPECT_TRUE(book_.is_waiting());
  release(194 * kMs);
  ASSERT_EQ(told_.size(), 1u);
  const Story& story = told_[0];
  EXPECT_EQ(story.process->pid, 7u);
  EXPECT_EQ(story.duration_us, 84'000u);
  EXPECT_EQ(story.connections, 2u);
  EXPECT_EQ(story.failed, 1u);
  EXPECT_EQ(story.still_open, 0u);
  EXPECT_EQ(story.tx_bytes, 11u);
  EXPECT_EQ(story.rx_bytes, 22u);
  EXPECT_EQ(story.worst_rtt_us, 400u);
  EXPECT_EQ(story.exit_status, 3u << 8);
  EXPECT_FALSE(book_.is_waiting());
}

TEST_F(StoryBookTest, OfOneWhoseForkWasNotSeenTheBeginningCanBeSaid) {
  book_.began(7, 10 * kMs);
  apply(process(ProcessEventKind::kExit, 8, 12 * kMs));
  apply(process(ProcessEventKind::kExit, 7, 40 * kMs));
  apply(process(ProcessEventKind::kExit, 7, 50 * kMs, 2));  // another process with that pid
  release(~std::uint64_t{0});
  ASSERT_EQ(told_.size(), 3u);
  EXPECT_FALSE(told_[0].duration_us);
  EXPECT_EQ(told_[1].duration_us, 30'000u);
  EXPECT_FALSE(told_[2].duration_us);
}

class StoryBookDns : public StoryBookTest {
 protected:
  void dns(std::uint32_t pid, std::uint16_t id, std::uint64_t at, bool sent, bool is_answer,
           bool is_unanswered = false, std::uint16_t rcode = dns::kNoError) {
    Event event = flow(EventKind::kDns, pid, 50, at);
    auto message = std::make_shared<DnsMessage>();
    message->id = id;
    message->type = 1;
    message->is_answer = is_answer;
    message->is_unanswered = is_unanswered;
    message->rcode = rcode;
    event.what = event::Dns{.sent = sent, .message = std::move(message)};
    apply(event);
  }
  void query(std::uint16_t id, std::uint64_t at) { dns(7, id, at, true, false); }
  void answer(std::uint16_t id, std::uint64_t at) { dns(7, id, at, false, true); }
};

TEST_F(StoryBookDns, QueriesAndThoseWithoutAnAnswer) {
  apply(process(ProcessEventKind::kFork, 7, 1));
  query(1, 10 * kMs);
  query(1, 20 * kMs);  // once more
  answer(1, 30 * kMs);
  query(2, 40 * kMs);
  dns(7, 2, 5040 * kMs, true, false, true);
  query(3, 5050 * kMs);                 // the process ends before the answer
  dns(7, 9, 5060 * kMs, false, false);  // asked as a server, which answers
  dns(7, 9, 5070 * kMs, true, true);
  apply(process(ProcessEventKind::kExit, 7, 5080 * kMs));
  release(6000 * kMs);
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].dns_queries, 3u);
  EXPECT_EQ(told_[0].dns_unanswered, 2u);
  // What is noticed after the story begins no new one.
  dns(7, 3, 10'050 * kMs, true, false, true);
  release(~std::uint64_t{0});
  EXPECT_EQ(told_.size(), 1u);
  EXPECT_FALSE(book_.is_waiting());
}

TEST_F(StoryBookDns, AnswersThatAreErrorsCountOnce) {
  apply(process(ProcessEventKind::kFork, 7, 1));
  query(1, 10 * kMs);
  dns(7, 1, 20 * kMs, false, true, false, 3);  // NXDOMAIN
  dns(7, 1, 21 * kMs, false, true, false, 3);  // once more, to a query that was repeated
  query(2, 30 * kMs);
  dns(7, 2, 40 * kMs, false, true, false, 5);  // REFUSED
  query(3, 50 * kMs);
  answer(3, 60 * kMs);
  apply(process(ProcessEventKind::kExit, 7, 70 * kMs));
  release(6000 * kMs);
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].dns_queries, 3u);
  EXPECT_EQ(told_[0].dns_failed, 2u);
  EXPECT_EQ(told_[0].dns_unanswered, 0u);
}

TEST_F(StoryBookDns, WhereNobodyLooksItIsNotKnown) {
  book_ = StoryBook(100 * kMs, {});
  apply(process(ProcessEventKind::kFork, 7, 1));
  apply(process(ProcessEventKind::kExit, 7, 2));
  release(~std::uint64_t{0});
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_FALSE(told_[0].dns_queries);
  EXPECT_FALSE(told_[0].dns_failed);
  EXPECT_FALSE(told_[0].dns_unanswered);
}

TEST_F(StoryBookTest, WaitsForConnectionsThatAreNotClosedYet) {
  apply(flow(EventKind::kAccept, 7, 100, 1 * kMs));
  apply(process(ProcessEventKind::kExit, 7, 2 * kMs));
  release(150 * kMs);
  EXPECT_TRUE(told_.empty());
  apply(close(7, 100, 160 * kMs, 5, 6));
  release(300 * kMs);
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].rx_bytes, 6u);
  EXPECT_FALSE(told_[0].duration_us);
}

TEST_F(StoryBookTest, ButNotForever) {
  apply(flow(EventKind::kAccept, 7, 100, 1 * kMs));
  apply(process(ProcessEventKind::kExit, 7, 2 * kMs));
  for (std::uint64_t now = 0; now < 1200; now += 50) release(now * kMs);
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].still_open, 1u);
}

// A connection counts for the process that owns it at the end.
TEST_F(StoryBookTest, AConnectionHandedOn) {
  apply(flow(EventKind::kAccept, 7, 100, 1 * kMs));
  apply(flow(EventKind::kOwner, 8, 100, 2 * kMs));
  apply(close(8, 100, 3 * kMs, 5, 6));
  apply(flow(EventKind::kAccept, 7, 200, 4 * kMs));
  apply(close(8, 200, 5 * kMs, 50, 60));
  apply(process(ProcessEventKind::kExit, 8, 6 * kMs));
  apply(process(ProcessEventKind::kExit, 7, 7 * kMs));
  release(~std::uint64_t{0});
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_EQ(told_[0].process->pid, 8u);
  EXPECT_EQ(told_[0].connections, 2u);
  EXPECT_EQ(told_[0].tx_bytes, 55u);
  EXPECT_EQ(told_[0].still_open, 0u);
  EXPECT_EQ(told_[1].connections, 0u);
  EXPECT_EQ(told_[1].still_open, 0u);
}

TEST_F(StoryBookTest, UdpThatMovedNothingIsNoConnection) {
  Event udp = close(7, 100, 1 * kMs, 0, 0);
  udp.flow.protocol = Protocol::kUdp;
  apply(udp);
  udp.flow.cookie = 101;
  udp.flow.counters.tx_bytes = 30;
  apply(udp);
  apply(process(ProcessEventKind::kExit, 7, 2 * kMs));
  release(~std::uint64_t{0});
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].connections, 1u);
  EXPECT_EQ(told_[0].tx_bytes, 30u);
}

TEST_F(StoryBookTest, AReusedPidIsAnotherStory) {
  apply(close(7, 100, 1 * kMs, 1, 0, 0, 1));
  apply(process(ProcessEventKind::kExit, 7, 2 * kMs, 1));
  apply(close(7, 101, 3 * kMs, 2, 0, 0, 9));
  apply(process(ProcessEventKind::kExit, 7, 4 * kMs, 9));
  release(~std::uint64_t{0});
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_EQ(told_[0].tx_bytes, 1u);
  EXPECT_EQ(told_[1].tx_bytes, 2u);
}

class StoryRemotes : public StoryBookTest {
 protected:
  static Event to(Event event, const char* address, std::uint16_t port, const char* name = "") {
    event.flow.direction = Direction::kOutbound;
    event.flow.remote = {*parse_address(address), port};
    if (*name != '\0') {
      auto known = std::make_shared<RemoteName>();
      known->name = name;
      event.flow.remote_name = std::move(known);
    }
    return event;
  }
  static Event from(Event event, const char* address, std::uint16_t port, std::uint16_t to_port) {
    event = to(std::move(event), address, port);
    event.flow.direction = Direction::kInbound;
    event.flow.local.port = to_port;
    return event;
  }
  void fail(std::uint64_t cookie, const char* address, std::uint16_t port, int error) {
    Event event = to(flow(EventKind::kConnectFailed, 7, cookie, kMs), address, port);
    event.what = event::ConnectFailed{.error = error};
    apply(event);
  }
  const std::vector<StoryRemote>& remotes(std::uint32_t pid = 7) {
    apply(process(ProcessEventKind::kExit, pid, 2 * kMs));
    release(~std::uint64_t{0});
    return told_.back().remotes;
  }
};

TEST_F(StoryRemotes, AreTheEndsWithWhatWentToEach) {
  apply(to(flow(EventKind::kConnect, 7, 1, kMs), "192.0.2.1", 80, "a.example"));
  apply(to(close(7, 1, kMs, 1, 2), "192.0.2.1", 80));  // the event does not have its name again
  apply(to(flow(EventKind::kConnect, 7, 2, kMs), "192.0.2.1", 80, "a.example"));
  apply(to(close(7, 2, kMs, 10, 20), "192.0.2.1", 80, "a.example"));
  apply(to(close(7, 3, kMs, 100, 200), "192.0.2.1", 443));
  fail(4, "192.0.2.1", 443, ETIMEDOUT);
  fail(5, "192.0.2.1", 443, ECONNREFUSED);
  const auto& ends = remotes();
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(ends[0].end.port, 443);
  EXPECT_EQ(ends[0].figures, (StoryFigures{1, 2, 100, 200}));
  EXPECT_EQ(ends[0].error, ECONNREFUSED);
  EXPECT_EQ(ends[1].name, "a.example");
  EXPECT_EQ(ends[1].figures, (StoryFigures{2, 0, 11, 22}));
  EXPECT_EQ(told_[0].other, StoryFigures());
}

TEST_F(StoryRemotes, OfAServerAreHostsAndItsPorts) {
  for (std::uint16_t client = 1; client <= 3; ++client) {
    apply(from(flow(EventKind::kAccept, 7, client, kMs), "192.0.2.9", 40'000 + client, 80));
    apply(from(close(7, client, kMs, 1, 1), "192.0.2.9", 40'000 + client, 80));
  }
  const auto& ends = remotes();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].end.port, 0);
  EXPECT_EQ(ends[0].local_port, 80);
  EXPECT_EQ(ends[0].figures, (StoryFigures{3, 0, 3, 3}));
}

TEST_F(StoryRemotes, GoWithTheirConnectionToAnotherProcess) {
  apply(from(flow(EventKind::kAccept, 7, 100, kMs), "192.0.2.9", 40'000, 80));
  apply(from(flow(EventKind::kOwner, 8, 100, kMs), "192.0.2.9", 40'000, 80));
  apply(from(close(8, 100, kMs, 5, 6), "192.0.2.9", 40'000, 80));
  EXPECT_TRUE(remotes(7).empty());
  ASSERT_EQ(remotes(8).size(), 1u);
  EXPECT_EQ(told_.back().remotes[0].figures, (StoryFigures{1, 0, 5, 6}));
}

TEST_F(StoryRemotes, ThoseBeyondTheLimitAreSummedUp) {
  for (std::uint16_t port = 1; port <= Story::kMostRemotes + 5; ++port)
    apply(to(close(7, port, kMs, 2, 3), "192.0.2.1", port));
  Event unconnected = close(7, 9999, kMs, 20, 30);
  unconnected.flow.protocol = Protocol::kUdp;
  apply(unconnected);
  const auto& ends = remotes();
  EXPECT_EQ(ends.size(), Story::kMostRemotes);
  EXPECT_EQ(told_[0].other, (StoryFigures{5, 0, 10, 15}));
  EXPECT_EQ(told_[0].unknown, (StoryFigures{1, 0, 20, 30}));
  StoryFigures all = told_[0].other;
  all.add(told_[0].unknown);
  for (const StoryRemote& end : ends) all.add(end.figures);
  EXPECT_EQ(all, (StoryFigures{told_[0].connections, 0, told_[0].tx_bytes, told_[0].rx_bytes}));
}

class StoryUdp : public StoryRemotes {
 protected:
  void close_udp(std::uint64_t cookie, std::uint64_t tx, std::uint64_t rx, std::uint64_t at,
                 const char* connected_to = nullptr) {
    Event event = close(7, cookie, at, tx, rx);
    if (connected_to != nullptr) event = to(std::move(event), connected_to, 53);
    event.flow.direction = Direction::kUnknown;
    event.flow.protocol = Protocol::kUdp;
    apply(event);
  }
  void tell_peer(std::uint64_t cookie, const char* address, std::uint64_t tx, std::uint64_t rx,
                 std::uint64_t at) {
    Event event = to(flow(EventKind::kUdpPeer, 7, 1'000'000, at), address, 53);
    event.flow.direction = Direction::kUnknown;
    event.flow.protocol = Protocol::kUdp;
    event.flow.peer_of = cookie;
    event.flow.counters.tx_bytes = tx;
    event.flow.counters.rx_bytes = rx;
    apply(event);
  }
  void exit_at(std::uint64_t at) { apply(process(ProcessEventKind::kExit, 7, at)); }
};

TEST_F(StoryUdp, OfASocketThatIsNotConnectedEachRemoteEndIsTold) {
  exit_at(1 * kMs);
  close_udp(1, 30, 7, 2 * kMs);
  release(150 * kMs);
  EXPECT_TRUE(told_.empty());  // its remote ends come after its end
  tell_peer(1, "192.0.2.1", 10, 7, 160 * kMs);
  tell_peer(1, "192.0.2.2", 20, 0, 160 * kMs);
  tell_peer(1, "192.0.2.3", 0, 5, 160 * kMs);  // what the process did not read
  release(300 * kMs);
  ASSERT_EQ(told_.size(), 1u);
  const Story& story = told_[0];
  EXPECT_EQ(story.connections, 1u);
  EXPECT_EQ(story.tx_bytes, 30u);
  ASSERT_EQ(story.remotes.size(), 3u);
  EXPECT_EQ(to_string(story.remotes[0].end.addr), "192.0.2.2");
  EXPECT_EQ(story.remotes[0].figures, (StoryFigures{1, 0, 20, 0}));
  EXPECT_EQ(story.remotes[1].figures, (StoryFigures{1, 0, 10, 7}));
  EXPECT_EQ(story.remotes[2].figures, (StoryFigures{1, 0, 0, 5}));
  EXPECT_FALSE(story.remotes[0].is_connected);
  EXPECT_EQ(story.unknown, StoryFigures());
  EXPECT_EQ(story.other, StoryFigures());
}

TEST_F(StoryUdp, WhatNoRemoteEndAccountsForIsUnknown) {
  close_udp(1, 30, 7, 1 * kMs);
  close_udp(2, 5, 5, 1 * kMs);
  exit_at(2 * kMs);
  tell_peer(1, "192.0.2.1", 10, 7, 3 * kMs);  // the kernel has forgotten the other one
  release(900 * kMs);
  EXPECT_TRUE(told_.empty());
  release(1100 * kMs);
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].remotes.size(), 1u);
  EXPECT_EQ(told_[0].unknown, (StoryFigures{2, 0, 25, 5}));
}

TEST_F(StoryUdp, WhereNobodyTellsThemNobodyWaits) {
  book_ = StoryBook(100 * kMs, {});
  close_udp(1, 30, 7, 1 * kMs);
  exit_at(2 * kMs);
  release(150 * kMs);
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_TRUE(told_[0].remotes.empty());
  EXPECT_EQ(told_[0].unknown, (StoryFigures{1, 0, 30, 7}));
}

TEST_F(StoryUdp, ASocketThatWasConnectedLaterCountsNothingTwice) {
  close_udp(1, 30, 7, 1 * kMs, "192.0.2.1");
  tell_peer(1, "192.0.2.1", 10, 7, 2 * kMs);
  tell_peer(1, "192.0.2.2", 5, 0, 2 * kMs);
  exit_at(3 * kMs);
  release(~std::uint64_t{0});
  ASSERT_EQ(told_.size(), 1u);
  ASSERT_EQ(told_[0].remotes.size(), 2u);
  EXPECT_EQ(told_[0].remotes[0].figures, (StoryFigures{1, 0, 25, 7}));
  EXPECT_TRUE(told_[0].remotes[0].is_connected);
  EXPECT_EQ(told_[0].remotes[1].figures, (StoryFigures{1, 0, 5, 0}));
}

TEST_F(StoryRemotes, OfWhatIsStillOpenAreTold) {
  apply(to(flow(EventKind::kConnect, 7, 1, kMs), "192.0.2.1", 80));
  const auto& ends = remotes();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].figures, (StoryFigures{1, 0, 0, 0}));
  // The connection ends after the story was handed over, and does not begin another one.
  apply(to(close(7, 1, 9 * kMs, 5, 6), "192.0.2.1", 80));
  apply(process(ProcessEventKind::kExit, 7, 10 * kMs));
  release(~std::uint64_t{0});
  EXPECT_EQ(told_.back().connections, 0u);
}

TEST_F(StoryBookTest, WhatWasThereBeforeCounts) {
  Flow before;
  before.cookie = 100;
  before.owner.pid = 7;
  before.owner.start_ns = 1;
  before.state = TcpState::kEstablished;
  book_.add(before);
  apply(close(7, 100, 3 * kMs, 9, 8));
  apply(process(ProcessEventKind::kExit, 7, 4 * kMs));
  release(~std::uint64_t{0});
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].connections, 1u);
  EXPECT_EQ(told_[0].tx_bytes, 9u);
}

}  // namespace
}  // namespace sockscope
