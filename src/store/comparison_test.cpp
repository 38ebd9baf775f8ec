// SPDX-License-Identifier: Apache-2.0
#include "store/comparison.h"

#include <gtest/gtest.h>

#include <cstring>

#include "model/address.h"

namespace sockscope::store {
namespace {

Edge edge(const char* name, const char* remote, std::uint16_t port, std::uint64_t bytes,
          std::uint64_t connections = 1, std::uint64_t failed = 0) {
  Edge made;
  std::strncpy(made.flow.owner.comm.data(), name, made.flow.owner.comm.size() - 1);
  made.flow.owner.pid = static_cast<std::uint32_t>(bytes + 1);
  made.flow.direction = Direction::kOutbound;
  made.flow.remote = {*parse_address(remote), port};
  made.connections = connections;
  made.failed = failed;
  made.has_counters = true;
  made.moved.tx_bytes = bytes;
  return made;
}

TEST(Compare, TellsWhatIsNewAndGone) {
  const auto found =
      compare({edge("curl", "10.0.0.1", 80, 5), edge("wget", "10.0.0.1", 80, 5)}, 60,
              {edge("curl", "10.0.0.1", 80, 5), edge("curl", "10.0.0.1", 81, 1)}, 60);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].change, Change::kNew);
  EXPECT_EQ(found[0].flow.remote.port, 81);
  EXPECT_EQ(found[0].with.moved.tx_bytes, 1u);
  EXPECT_FALSE(found[0].base.is_there);
  EXPECT_EQ(found[1].change, Change::kGone);
  EXPECT_EQ(found[1].flow.owner.name(), "wget");
}

TEST(Compare, ProcessesOfOneNameCountTogether) {
  const auto found = compare({edge("curl", "10.0.0.1", 80, 5), edge("curl", "10.0.0.1", 80, 6)}, 60,
                             {edge("curl", "10.0.0.1", 80, 11)}, 60);
  EXPECT_TRUE(found.empty());
}

TEST(Compare, WhatMovesTwiceAsMuchASecondHasChanged) {
  const std::vector<Edge> base = {edge("curl", "10.0.0.1", 80, 600'000)};
  EXPECT_TRUE(compare(base, 60, {edge("curl", "10.0.0.1", 80, 1'190'000)}, 60).empty());
  const auto found = compare(base, 60, {edge("curl", "10.0.0.1", 80, 1'200'000)}, 60);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].change, Change::kChanged);
  EXPECT_DOUBLE_EQ(found[0].rate_change, 10'000);
  // In a longer time more is moved, but not more a second.
  EXPECT_TRUE(compare(base, 60, {edge("curl", "10.0.0.1", 80, 6'000'000)}, 600).empty());
  // Of little, twice as much is little.
  EXPECT_TRUE(
      compare({edge("curl", "10.0.0.1", 80, 60)}, 60, {edge("curl", "10.0.0.1", 80, 600)}, 60)
          .empty());
}

TEST(Compare, WhatFailsMoreOftenHasChanged) {
  const auto found = compare({edge("curl", "10.0.0.1", 80, 5, 100, 0)}, 60,
                             {edge("curl", "10.0.0.1", 80, 5, 80, 20)}, 60);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].with.failed, 20u);
}

TEST(Compare, TheLargestChangeComesFirst) {
  const auto found = compare(
      {}, 60,
      {edge("a", "10.0.0.1", 80, 5), edge("b", "10.0.0.1", 80, 500), edge("c", "10.0.0.1", 80, 50)},
      60);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].flow.owner.name(), "b");
  EXPECT_EQ(found[2].flow.owner.name(), "a");
}

TEST(Compare, RoundTripTimesAreMeans) {
  Edge slow = edge("curl", "10.0.0.1", 80, 5, 1);
  slow.srtt_us = 400;
  Edge fast = edge("curl", "10.0.0.1", 80, 5, 3);
  fast.srtt_us = 100;
  const auto found = compare({}, 60, {slow, fast, edge("curl", "10.0.0.1", 80, 5, 7)}, 60);
  EXPECT_EQ(found.at(0).with.srtt_us, 175u);
}

}  // namespace
}  // namespace sockscope::store
