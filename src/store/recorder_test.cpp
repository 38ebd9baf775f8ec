// SPDX-License-Identifier: Apache-2.0
#include "store/recorder.h"

#include <gtest/gtest.h>

#include <map>

#include "store/rows.h"

namespace sockscope::store {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

Flow tcp(std::uint64_t cookie, std::uint64_t tx, std::uint64_t rx, std::uint64_t opened_ns = 1) {
  Flow flow;
  flow.cookie = cookie;
  flow.state = TcpState::kEstablished;
  flow.opened_ns = opened_ns;
  flow.counters.tx_bytes = tx;
  flow.counters.rx_bytes = rx;
  flow.owner.pid = 7;
  return flow;
}

class RecorderTest : public testing::Test {
 protected:
  void look(std::vector<Flow> flows) {
    Snapshot snapshot;
    snapshot.mono_ns = now += 5 * kSecond;
    snapshot.wall_ns = 1'000'000 * kSecond + now;
    snapshot.flows = std::move(flows);
    recorder.take(snapshot);
    keep();
  }
  void close(Flow flow) {
    Event event;
    event.what = event::Close{};
    event.mono_ns = now += kSecond;
    event.flow = std::move(flow);
    event.flow.closed = true;
    event.flow.closed_ns = now;
    event.flow.state = TcpState::kClose;
    recorder.take(event);
    keep();
  }
  void keep() {
    for (row::Any& row : recorder.rows()) rows.push_back(std::move(row));
  }
  template <class Row>
  std::vector<Row> of() const {
    std::vector<Row> found;
    for (const row::Any& each : rows)
      if (const auto* const row = std::get_if<Row>(&each)) found.push_back(*row);
    return found;
  }
  // What all files say that was moved: deltas, and the flows without any.
  std::uint64_t sent() const {
    std::uint64_t sum = 0;
    for (const auto& delta : of<row::Delta>()) sum += delta.moved.tx_bytes;
    for (const auto& flow : of<row::Flow>())
      if (flow.is_whole) sum += flow.flow.counters.tx_bytes - flow.before.tx_bytes;
    return sum;
  }

  std::uint64_t now = 100 * kSecond;
  Recorder recorder;
  Batch rows;
};

TEST_F(RecorderTest, AFileBeginsWithTheFirstSnapshot) {
  look({tcp(1, 10, 20)});
  ASSERT_GE(rows.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<row::File>(rows[0]));
  EXPECT_TRUE(std::holds_alternative<row::Flow>(rows[1]));
  EXPECT_EQ(of<row::Sample>().size(), 1u);
  EXPECT_EQ(of<row::Sample>()[0].open_flows, 1u);
}

TEST_F(RecorderTest, AShortConnectionIsOneRow) {
  look({});
  close(tcp(1, 10, 20));
  look({});
  const auto flows = of<row::Flow>();
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_TRUE(flows[0].is_whole);
  EXPECT_EQ(of<row::Delta>().size(), 0u);
  EXPECT_EQ(of<row::Total>().size(), 0u);
  EXPECT_EQ(sent(), 10u);
}

TEST_F(RecorderTest, ALongOneHasADeltaWhereItMovedAndATotal) {
  look({});
  look({tcp(1, 10, 0)});
  look({tcp(1, 10, 0)});
  look({tcp(1, 50, 5)});
  close(tcp(1, 51, 5));
  const auto deltas = of<row::Delta>();
  ASSERT_EQ(deltas.size(), 3u);
  EXPECT_EQ(deltas[0].moved.tx_bytes, 10u);
  EXPECT_EQ(deltas[1].moved.tx_bytes, 40u);
  EXPECT_EQ(deltas[1].moved.rx_bytes, 5u);
  EXPECT_EQ(deltas[2].moved.tx_bytes, 1u);
  const auto totals = of<row::Total>();
  ASSERT_EQ(totals.size(), 1u);
  EXPECT_EQ(totals[0].moved.tx_bytes, 51u);
  EXPECT_EQ(totals[0].closed_ns, now);
  EXPECT_EQ(of<row::Flow>().size(), 1u);
}

TEST_F(RecorderTest, WhatWasMovedBeforeIsNotCounted) {
  look({tcp(1, 1000, 0, 0)});
  look({tcp(1, 1010, 0, 0)});
  close(tcp(1, 1011, 0, 0));
  EXPECT_EQ(of<row::Flow>()[0].before.tx_bytes, 1000u);
  EXPECT_EQ(sent(), 11u);
  EXPECT_EQ(of<row::Total>()[0].moved.tx_bytes, 11u);
}

TEST_F(RecorderTest, ANewFileListsWhatIsOpenAndCountsNothingTwice) {
  look({tcp(1, 10, 0), tcp(2, 20, 0)});
  recorder.begin_file();
  look({tcp(1, 15, 0), tcp(3, 30, 0)});  // 2 is gone without a word, 3 is new
  look({tcp(1, 16, 0), tcp(3, 33, 0)});
  EXPECT_EQ(of<row::File>().size(), 2u);
  EXPECT_EQ(sent(), 16u + 20u + 33u);
  const auto flows = of<row::Flow>();
  ASSERT_EQ(flows.size(), 4u);
  EXPECT_EQ(flows[2].before.tx_bytes, 15u);
  EXPECT_EQ(flows[3].before.tx_bytes, 0u);
  const auto totals = of<row::Total>();
  ASSERT_EQ(totals.size(), 2u);  // of 2, which is over, and of 1, in the file that ends
  for (const auto& total : totals) {
    const bool is_open = total.flow == flows[0].key;
    EXPECT_EQ(total.closed_ns != 0, !is_open);
    EXPECT_EQ(total.moved.tx_bytes, is_open ? 15u : 20u);
  }
}

TEST_F(RecorderTest, RowsOfTheOldFileComeBeforeTheNewOne) {
  look({tcp(1, 10, 0)});
  rows.clear();
  recorder.begin_file();
  look({tcp(1, 15, 0)});
  bool is_new = false;
  for (const row::Any& row : rows) {
    is_new |= std::holds_alternative<row::File>(row);
    if (std::holds_alternative<row::Total>(row)) {
      EXPECT_FALSE(is_new);
    }
    if (std::holds_alternative<row::Flow>(row)) {
      EXPECT_TRUE(is_new);
    }
  }
}

TEST_F(RecorderTest, ACloseThatWasLostIsFoundInTheSnapshot) {
  look({tcp(1, 10, 0), tcp(2, 10, 0)});
  Flow gone = tcp(1, 12, 0);
  gone.closed = true;
  gone.closed_ns = now + 1;
  look({gone});
  EXPECT_EQ(of<row::Total>().size(), 2u);
  look({gone});
  EXPECT_EQ(of<row::Total>().size(), 2u);
  EXPECT_EQ(sent(), 12u + 10u);
}

TEST_F(RecorderTest, ASocketThatConnectsAgainIsAnotherFlow) {
  look({tcp(1, 10, 0)});
  close(tcp(1, 10, 0));
  look({tcp(1, 3, 0)});
  close(tcp(1, 4, 0));
  EXPECT_EQ(of<row::Flow>().size(), 2u);
  EXPECT_EQ(sent(), 14u);
}

TEST_F(RecorderTest, AFailedAttemptIsAFailure) {
  Flow flow = tcp(1, 0, 0);
  flow.state = TcpState::kSynSent;
  flow.has_counters = false;
  look({flow});
  Event event;
  event.what = event::ConnectFailed{.error = 111, .latency_us = 5};
  event.mono_ns = now;
  event.flow = flow;
  recorder.take(event);
  keep();
  ASSERT_EQ(of<row::Failure>().size(), 1u);
  EXPECT_EQ(of<row::Failure>()[0].error, 111);
  ASSERT_EQ(of<row::Total>().size(), 1u);
  EXPECT_FALSE(of<row::Total>()[0].has_counters);
}

TEST_F(RecorderTest, WhatWasLostIsAGap) {
  look({});
  Event event;
  event.what = event::Gap{.lost = {.ring_full = 12}};
  event.mono_ns = now;
  recorder.take(event);
  keep();
  ASSERT_EQ(of<row::Gap>().size(), 1u);
  EXPECT_EQ(of<row::Gap>()[0].count, 12u);
  EXPECT_EQ(of<row::Gap>()[0].from_ns, now);
}

TEST_F(RecorderTest, RemoteEndsOfUdpSocketsAreNotCountedTwice) {
  Flow peer = tcp(9, 100, 0);
  peer.peer_of = 1;
  look({peer});
  EXPECT_EQ(of<row::Flow>().size(), 0u);
}

TEST_F(RecorderTest, KeysOfATableNeverGoBack) {
  look({tcp(1, 10, 0), tcp(2, 10, 0)});
  now -= 3 * kSecond;
  close(tcp(3, 1, 1));
  look({tcp(1, 11, 0), tcp(2, 11, 0)});
  Key last = 0;
  for (const auto& flow : of<row::Flow>()) {
    EXPECT_GT(flow.key, last);
    last = flow.key;
  }
  last = 0;
  for (const auto& delta : of<row::Delta>()) {
    EXPECT_GT(delta.key, last);
    last = delta.key;
  }
}

// Whatever happens, the sum of a flow's rows is what its counters showed.
TEST_F(RecorderTest, SumsAreThoseOfTheCounters) {
  std::uint64_t seed = 12345;
  const auto random = [&seed](std::uint64_t below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
  };
  std::map<std::uint64_t, std::uint64_t> open;
  std::uint64_t moved = 0;
  std::uint64_t next_cookie = 1;
  for (int step = 0; step < 2'000; ++step) {
    switch (random(5)) {
      case 0: open[next_cookie++] = 0; break;
      case 1:
        if (!open.empty()) {
          auto victim = open.begin();
          std::advance(victim, static_cast<long>(random(open.size())));
          close(tcp(victim->first, victim->second, 0));
          open.erase(victim);
        }
        break;
      case 2:
        if (random(10) == 0) recorder.begin_file();
        break;
      case 3: {
        std::vector<Flow> shown;
        for (const auto& [cookie, bytes] : open) shown.push_back(tcp(cookie, bytes, 0));
        look(std::move(shown));
        break;
      }
      default:
        for (auto& [cookie, bytes] : open) {
          const std::uint64_t more = random(1000);
          bytes += more;
          moved += more;
        }
    }
  }
  std::vector<Flow> shown;
  for (const auto& [cookie, bytes] : open) shown.push_back(tcp(cookie, bytes, 0));
  look(std::move(shown));
  EXPECT_EQ(sent(), moved);
}

}  // namespace
}  // namespace sockscope::store
