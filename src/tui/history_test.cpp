// SPDX-License-Identifier: Apache-2.0
#include "tui/history.h"

#include <gtest/gtest.h>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

TEST(History, keeps_ten_minutes) {
  History history;
  for (std::uint64_t second = 0; second < 700; ++second) history.add(web_host(second));
  EXPECT_EQ(history.size(), 601u);
  EXPECT_EQ(history.newest().number, 700u);
  EXPECT_EQ(history.newest().mono_ns - history[0].mono_ns, 600 * kTestSecond);
}

TEST(History, shows_each_sample_as_it_was) {
  History history;
  for (std::uint64_t second = 0; second < 30; ++second) history.add(web_host(second));
  for (std::size_t i = 0; i < 30; ++i) {
    const Snapshot then = web_host(i);
    const Sample& sample = history[i];
    ASSERT_EQ(sample.flows.size(), then.flows.size());
    for (const Flow& flow : then.flows) {
      const Flow* kept = history.find_flow(sample, flow.cookie);
      ASSERT_NE(kept, nullptr);
      EXPECT_EQ(kept->rx_rate, flow.rx_rate);
      EXPECT_EQ(kept->counters.rx_bytes, flow.counters.rx_bytes);
      EXPECT_EQ(kept->closed, flow.closed);
    }
    double rx = 0;
    for (const Process& process : then.processes) {
      const Process* kept = history.find_process(sample, id_of(process));
      ASSERT_NE(kept, nullptr);
      EXPECT_EQ(kept->rx_rate, process.rx_rate);
      rx += process.rx_rate.value_or(0);
    }
    EXPECT_DOUBLE_EQ(sample.rx_rate, rx);
  }
}

TEST(History, sums_are_those_of_the_connections_that_are_selected) {
  Snapshot snapshot = web_host(5);
  const Flow kept = snapshot.flows[0];
  ASSERT_TRUE(kept.rx_rate);
  snapshot.flows = {kept};
  History history;
  history.sum_connections();
  history.add(snapshot);
  EXPECT_EQ(history.newest().rx_rate, *kept.rx_rate);
  EXPECT_EQ(history.newest().open_flows, 1u);

  ASSERT_EQ(kept.protocol, Protocol::kTcp);
  snapshot.mono_ns += 1'000'000'000;
  snapshot.interval_s = 1;
  snapshot.flows[0].counters.tx_segments += 200;
  snapshot.flows[0].counters.retransmits += 10;
  Flow opened = kept;  // in between
  opened.cookie += 1'000'000;
  opened.opened_ns = snapshot.mono_ns - 1;
  opened.counters = {};
  opened.counters.tx_segments = 50;
  opened.counters.retransmits = 15;
  Flow older = opened;  // not shown before: what it sent earlier does not count
  older.cookie += 1;
  older.opened_ns = 1;
  snapshot.flows.push_back(opened);
  snapshot.flows.push_back(older);
  history.add(snapshot);
  EXPECT_DOUBLE_EQ(history.newest().tx_segment_rate, 250);
  ASSERT_TRUE(history.newest().retransmit_share());
  EXPECT_DOUBLE_EQ(*history.newest().retransmit_share(), 0.1);
}

TEST(History, with_procfs_nothing_is_counted) {
  Snapshot snapshot = web_host(5);
  History history;
  history.add(snapshot);
  EXPECT_TRUE(history.newest().counted);
  snapshot.source = Source::kProcfs;
  history.add(snapshot);
  EXPECT_FALSE(history.newest().counted);
  EXPECT_FALSE(history.newest().retransmit_share());
}

TEST(History, what_is_learnt_of_an_idle_process_is_shown) {
  History history;
  SnapshotBuilder b(1);
  b.process(1, "idle", 0, 0).flow(1, "10.0.0.7", 1, "192.0.2.1", 2, 0, 0);
  Snapshot snapshot = b.snapshot();
  for (const std::uint32_t parent : {7u, 7u, 8u}) {
    ProcessInfo info;
    info.parent_pid = parent;
    snapshot.processes[0].info = std::make_shared<ProcessInfo>(info);
    snapshot.flows[0].owner.process = snapshot.processes[0].info;
    if (parent == 8) {
      RemoteName name;
      name.name = "db.example";
      snapshot.flows[0].remote_name = std::make_shared<RemoteName>(name);
    }
    history.add(snapshot);
  }
  EXPECT_EQ(history[0].processes, history[1].processes);  // shared
  EXPECT_EQ(history[0].flows, history[1].flows);
  EXPECT_EQ(history.find_process(history[0], {1, 1000})->info->parent_pid, 7u);
  EXPECT_EQ(history.find_process(history[2], {1, 1000})->info->parent_pid, 8u);
  EXPECT_EQ(history.find_flow(history[2], 1)->remote_name->name, "db.example");
  EXPECT_EQ(history.find_flow(history[1], 1)->remote_name, nullptr);
}

TEST(History, what_nobody_has_any_more_is_apart_and_all_add_up) {
  SnapshotBuilder b(1);
  b.process(0, "", 1'100, 40'000, 0, 2)
      .flow(1, "10.0.0.7", 1, "192.0.2.1", 2, 1'000, 0)
      .flow(2, "10.0.0.7", 1, "192.0.2.1", 3, 100, 40'000);
  b.last_flow().state = TcpState::kFinWait1;
  b.last_flow().counters.tx_bytes = 900'000;
  b.last_process().tx_bytes = 1'000'000;
  b.process(7, "nginx", 5, 5).flow(3, "10.0.0.7", 1, "192.0.2.1", 4, 5, 5);
  b.last_flow().state = TcpState::kLastAck;  // its process is known
  History history;
  history.add(b.snapshot());
  const Sample& sample = history.newest();
  EXPECT_EQ(sample.processes.size(), 3u);
  const Process* exited = history.find_process(sample, kBeingClosed);
  const Process* others = history.find_process(sample, kUnattributed);
  ASSERT_TRUE(exited != nullptr && others != nullptr);
  EXPECT_EQ(name_of(*exited), "[closed]");
  EXPECT_EQ(name_of(*others), "[unattributed]");
  EXPECT_EQ(exited->rx_rate, 100.0);
  EXPECT_EQ(exited->tx_rate, 40'000.0);
  EXPECT_EQ(exited->open_flows, 1u);
  EXPECT_EQ(exited->tx_bytes, 900'000u);
  EXPECT_EQ(others->rx_rate, 1'000.0);
  EXPECT_EQ(others->tx_rate, 0.0);
  EXPECT_EQ(others->tx_bytes, 100'000u);
  EXPECT_EQ(others->open_flows, 1u);
  EXPECT_DOUBLE_EQ(sample.rx_rate, 1'105);
  EXPECT_DOUBLE_EQ(sample.tx_rate, 40'005);
  EXPECT_EQ(owner_of(*history.find_flow(sample, 3)).pid, 7u);

  std::vector<Process> joined{*others, *exited};
  join_unowned(joined);
  ASSERT_EQ(joined.size(), 1u);
  const Process& before = b.snapshot().processes[0];
  EXPECT_EQ(joined[0].tx_rate, before.tx_rate);
  EXPECT_EQ(joined[0].retransmit_rate, before.retransmit_rate);
  EXPECT_EQ(joined[0].tx_bytes, before.tx_bytes);
  EXPECT_EQ(joined[0].open_flows, before.open_flows);
}

TEST(History, what_nobody_counts_has_no_sum) {
  History history;
  SnapshotBuilder b(1);
  b.process(0, "", 0, 0);
  b.last_process().listeners = 1;
  b.process(7, "curl", 0, 0).flow(1, "10.0.0.7", 1, "192.0.2.1", 2, 0, 0);
  Snapshot snapshot = b.snapshot();
  history.add(snapshot);
  EXPECT_TRUE(history.newest().counted);
  snapshot.processes[1].rx_rate.reset();
  snapshot.processes[1].tx_rate.reset();
  history.add(snapshot);
  EXPECT_FALSE(history.newest().counted);
  EXPECT_TRUE(history[0].counted);
}

TEST(History, the_kernels_own_sockets_are_apart) {
  SnapshotBuilder b(1);
  b.process(0, "", 300, 30)
      .flow(1, "10.0.0.7", 1, "192.0.2.1", 2, 100, 10)
      .flow(2, "10.0.0.7", 1, "192.0.2.1", 3, 200, 20);
  b.last_flow().owner.kind = OwnerKind::kKernel;
  b.last_flow().state = TcpState::kFinWait1;  // also while it closes
  History history;
  history.add(b.snapshot());
  const Sample& sample = history.newest();
  const Process* kernel = history.find_process(sample, kKernel);
  const Process* others = history.find_process(sample, kUnattributed);
  ASSERT_TRUE(kernel != nullptr && others != nullptr);
  EXPECT_EQ(history.find_process(sample, kBeingClosed), nullptr);
  EXPECT_EQ(name_of(*kernel), "[kernel]");
  EXPECT_EQ(kernel->rx_rate, 200.0);
  EXPECT_EQ(others->rx_rate, 100.0);
  EXPECT_DOUBLE_EQ(sample.rx_rate, 300);
  std::vector<Process> joined{*others, *kernel};
  join_unowned(joined);
  ASSERT_EQ(joined.size(), 1u);
  EXPECT_EQ(joined[0].tx_rate, 30.0);
}

TEST(History, forgets_the_oldest_when_memory_is_short) {
  History history({600 * kTestSecond, 40'000});
  for (std::uint64_t second = 0; second < 600; ++second) {
    history.add(web_host(second));
    ASSERT_TRUE(history.bytes() <= 40'000 || history.size() == 1);
  }
  EXPECT_LT(history.size(), 200u);
  EXPECT_EQ(history.newest().number, 600u);
}

TEST(History, idle_rows_cost_next_to_nothing) {
  History history;
  SnapshotBuilder b(1);
  b.process(1, "idle", 0, 0);
  for (std::uint64_t cookie = 1; cookie <= 1000; ++cookie)
    b.flow(cookie, "10.0.0.7", 1, "192.0.2.1", 2, 0, 0);
  Snapshot snapshot = b.snapshot();
  history.add(snapshot);
  const std::size_t one = history.bytes();
  for (int i = 0; i < 100; ++i) {
    snapshot.mono_ns += kTestSecond;
    history.add(snapshot);
  }
  EXPECT_LT(history.bytes() - one, 100 * 1000 * 6u);
}

TEST(History, times_and_numbers) {
  History history;
  for (std::uint64_t second = 0; second < 10; ++second) history.add(web_host(second));
  EXPECT_EQ(history.index_of(0), 0u);
  EXPECT_EQ(history.index_of(5), 4u);
  EXPECT_EQ(history.index_of(99), 9u);
  EXPECT_EQ(history.index_at(kTestWall - 1), 0u);
  EXPECT_EQ(history.index_at(kTestWall + 3 * kTestSecond + 5), 3u);
  EXPECT_EQ(history.index_at(kTestWall + 99 * kTestSecond), 9u);
}

constexpr std::uint64_t kTen = 10 * kTestSecond;
constexpr std::uint64_t kSixty = 60 * kTestSecond;

// `rate`: of one process and its flow; none: it is not counted.
void add_second(History& history, std::uint64_t second, std::optional<double> rate) {
  SnapshotBuilder b(second);
  b.process(1, "one", 0, 0).flow(1, "10.0.0.7", 1, "192.0.2.1", 2, 0, 0);
  b.process(2, "other", 5, 0);
  b.last_process().rx_rate = b.last_process().tx_rate = second == 0 ? std::nullopt : rate;
  b.flow(2, "10.0.0.7", 1, "192.0.2.1", 3, 0, 0);
  b.last_flow().rx_rate = b.last_flow().tx_rate = b.last_process().rx_rate;
  history.add(b.snapshot());
}

TEST(History, means_are_known_when_there_are_samples_of_so_long) {
  History history;
  for (std::uint64_t second = 0; second <= 65; ++second) {
    add_second(history, second, second > 60 ? 600.0 : 0.0);
    const std::size_t newest = history.size() - 1;
    EXPECT_EQ(history.mean_rate(newest, ProcessId{2, 2000}, kTen).has_value(), second >= 10);
    EXPECT_EQ(history.mean_rate(newest, std::uint64_t{2}, kSixty).has_value(), second >= 60);
  }
  // Five seconds of 600 in each direction.
  EXPECT_DOUBLE_EQ(*history.mean_rate(65, ProcessId{2, 2000}, kTen), 600);
  EXPECT_DOUBLE_EQ(*history.mean_rate(65, std::uint64_t{2}, kSixty), 100);
  EXPECT_DOUBLE_EQ(*history.mean_rate(60, std::uint64_t{2}, kSixty), 0);  // at an earlier sample
  EXPECT_FALSE(history.mean_rate(65, std::uint64_t{77}, kTen));
}

TEST(History, means_of_what_was_not_counted_are_not_known) {
  History history;
  for (std::uint64_t second = 0; second <= 30; ++second)
    add_second(history, second, second > 15 ? std::optional(10.0) : std::nullopt);
  EXPECT_FALSE(history.mean_rate(24, std::uint64_t{2}, kTen));
  EXPECT_DOUBLE_EQ(*history.mean_rate(25, std::uint64_t{2}, kTen), 20);
  EXPECT_DOUBLE_EQ(*history.mean_rate(24, std::uint64_t{1}, kTen), 0);
}

TEST(History, means_count_nothing_before_a_row_began_and_keep_what_is_gone) {
  History history;
  for (std::uint64_t second = 0; second <= 20; ++second) {
    SnapshotBuilder b(second);
    b.process(1, "one", 1, 1);
    if (second > 11 && second < 18) b.flow(5, "10.0.0.7", 1, "192.0.2.1", 2, 70, 30);
    if (second > 17) b.flow(6, "10.0.0.7", 1, "192.0.2.1", 2, 10, 0);
    history.add(b.snapshot());
  }
  EXPECT_DOUBLE_EQ(*history.mean_rate(16, std::uint64_t{5}, kTen), 50);
  EXPECT_DOUBLE_EQ(*history.mean_rate(20, std::uint64_t{6}, kTen), 3);
  std::vector<std::pair<std::uint64_t, double>> gone;
  const auto take = [&](const Flow& flow, double rate) { gone.emplace_back(flow.cookie, rate); };
  history.each_gone_flow(16, kTen, take);
  EXPECT_TRUE(gone.empty());
  history.each_gone_flow(20, kTen, take);
  EXPECT_EQ(gone, (std::vector<std::pair<std::uint64_t, double>>{{5, 60.0}}));
  history.each_gone_flow(20, kSixty, take);  // not known for that long
  EXPECT_EQ(gone.size(), 1u);
}

TEST(History, means_of_samples_that_are_far_apart) {
  History history;
  for (std::uint64_t second = 0; second <= 120; second += 30) {
    SnapshotBuilder b(second);
    b.process(1, "one", 100, 0);
    Snapshot snapshot = b.snapshot();
    if (second != 0) snapshot.interval_s = 30.0;
    history.add(snapshot);
  }
  EXPECT_FALSE(history.mean_rate(4, ProcessId{1, 1000}, kTen));
  EXPECT_DOUBLE_EQ(*history.mean_rate(4, ProcessId{1, 1000}, kSixty), 100);
}

TEST(History, what_moved_lately) {
  History history;
  for (std::uint64_t second = 0; second <= 30; ++second)
    add_second(history, second, second == 3 ? 1.0 : 0.0);
  for (std::size_t at = 0; at <= 30; ++at) {
    EXPECT_EQ(history.moved_lately(at, std::uint64_t{2}, kTen), at >= 3 && at < 13) << at;
    EXPECT_EQ(history.moved_lately(at, ProcessId{2, 2000}, kTen), at >= 3 && at < 13) << at;
    EXPECT_FALSE(history.moved_lately(at, std::uint64_t{1}, kTen));
  }
}

TEST(History, series_end_with_the_sample_and_leave_holes) {
  History history;
  for (std::uint64_t second = 1; second <= 10; ++second) history.add(web_host(second));
  const auto all = [](const Sample&) { return std::optional(1.0); };
  const Series series = history.series(9, 60, kTestSecond, all);
  ASSERT_EQ(series.size(), 60u);
  std::size_t known = 0;
  for (const auto& value : series) known += value.has_value();
  EXPECT_EQ(known, 10u);
  // A value holds for the whole interval of its sample.
  History slow;
  for (std::uint64_t second = 5; second <= 30; second += 5) {
    Snapshot snapshot = web_host(second);
    snapshot.interval_s = 5.0;
    slow.add(snapshot);
  }
  known = 0;
  for (const auto& value : slow.series(5, 60, kTestSecond, all)) known += value.has_value();
  EXPECT_EQ(known, 30u);
}

}  // namespace
}  // namespace sockscope::tui
