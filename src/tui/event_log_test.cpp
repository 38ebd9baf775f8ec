// SPDX-License-Identifier: Apache-2.0
#include "tui/event_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

class Log : public testing::Test {
 protected:
  void retransmit(std::uint64_t cookie, std::uint64_t ms, std::uint32_t window = 0,
                  std::uint32_t before = 0, std::uint64_t shown = 0) {
    Event event;
    event.flow.cookie = cookie;
    event.what =
        event::Retransmit{.sequence = 1, .congestion_window = window, .prior_window = before};
    log.add(event, ms * kMs, shown);
  }
  void add(EventKind kind, std::uint64_t ms) { log.add(event_of(kind, Flow{}), ms * kMs); }
  std::size_t count(EventKind kind) const {
    return static_cast<std::size_t>(
        std::count_if(log.all().begin(), log.all().end(),
                      [&](const auto& each) { return each.second.event.kind() == kind; }));
  }
  std::string last() const { return describe(log.all().rbegin()->second, 100); }

  EventLog log;
};

TEST_F(Log, a_burst_is_one_entry) {
  for (std::uint64_t i = 0; i < 52; ++i)
    retransmit(7, 1000 + 8 * i, static_cast<std::uint32_t>(462 - i), 5547);
  ASSERT_EQ(log.all().size(), 1u);
  EXPECT_EQ(log.added(), 52u);
  EXPECT_EQ(log.find(1)->wall_ns, 1000 * kMs);
  EXPECT_EQ(log.find(1)->last_wall_ns, 1408 * kMs);
  EXPECT_EQ(last(), "52 retransmits in 408 ms, cwnd 5547→411");
  EXPECT_EQ(describe(*log.find(1), 20), "52 in 408 ms, cwnd 5547→411");
}

TEST_F(Log, a_burst_ends_with_a_pause_and_has_an_end) {
  retransmit(7, 1000);
  retransmit(7, 1500);
  EXPECT_EQ(log.all().size(), 1u);
  EXPECT_EQ(last(), "2 retransmits in 500 ms");
  retransmit(7, 2001);
  EXPECT_EQ(log.all().size(), 2u);
  for (std::uint64_t ms = 2100; ms < 30'000; ms += 100) retransmit(7, ms);
  EXPECT_EQ(log.all().size(), 4u);
}

TEST_F(Log, each_connection_has_its_own) {
  for (std::uint64_t ms = 0; ms < 300; ms += 10)
    for (const std::uint64_t cookie : {7, 8}) retransmit(cookie, ms);
  retransmit(0, 300);  // without a cookie
  retransmit(0, 301);
  EXPECT_EQ(log.all().size(), 4u);
}

TEST_F(Log, what_stands_on_a_frozen_screen_stays_as_it_is) {
  retransmit(7, 1000);
  retransmit(7, 1010);
  retransmit(7, 1020, 0, 0, 1);
  retransmit(7, 1030, 0, 0, 1);
  ASSERT_EQ(log.all().size(), 2u);
  EXPECT_EQ(log.find(1)->count, 2u);
  EXPECT_EQ(log.find(2)->count, 2u);
}

TEST_F(Log, no_kind_drives_out_the_others) {
  for (std::uint64_t i = 0; i < 100; ++i) add(EventKind::kReset, i);
  for (std::uint64_t i = 0; i < 3 * EventLog::kMost; ++i) retransmit(1000 + i, 100 + i);
  EXPECT_EQ(log.all().size(), EventLog::kMost);
  EXPECT_EQ(count(EventKind::kReset), 100u);
  EXPECT_EQ(log.last_number(), 100 + 3 * EventLog::kMost);
  for (std::uint64_t i = 0; i < 2 * EventLog::kMost; ++i) add(EventKind::kClose, 200 + i);
  EXPECT_EQ(log.all().size(), EventLog::kMost);
  EXPECT_EQ(count(EventKind::kReset), 100u);
  EXPECT_EQ(count(EventKind::kClose), (EventLog::kMost - 100) / 2);
  EXPECT_EQ(log.find(1)->event.kind(), EventKind::kReset);
  // A new retransmit does not continue a burst that was removed.
  for (std::uint64_t i = 0; i < 3 * EventLog::kMost; ++i) retransmit(1000 + i, 130 + i);
  EXPECT_EQ(log.all().size(), EventLog::kMost);
}

}  // namespace
}  // namespace sockscope::tui
