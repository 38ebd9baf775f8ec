// SPDX-License-Identifier: Apache-2.0
#include "view/pairs.h"

#include <gtest/gtest.h>

#include <memory>

#include "view/testing.h"

namespace sockscope {
namespace {

Flow end_of(std::uint64_t cookie, std::uint64_t other, Direction direction) {
  Flow flow = curl_flow();
  flow.cookie = cookie;
  flow.direction = direction;
  if (other == 0) return flow;
  OtherEnd its;
  its.cookie = other;
  flow.other_end = std::make_shared<const OtherEnd>(its);
  return flow;
}

std::vector<std::uint64_t> kept(std::vector<Flow> flows) {
  join_pairs(flows);
  std::vector<std::uint64_t> cookies;
  for (const Flow& flow : flows) cookies.push_back(flow.cookie);
  return cookies;
}

using Cookies = std::vector<std::uint64_t>;

TEST(JoinPairs, KeepsTheEndThatConnected) {
  EXPECT_EQ(kept({end_of(1, 2, Direction::kInbound), end_of(2, 1, Direction::kOutbound)}),
            Cookies{2});
  EXPECT_EQ(kept({end_of(2, 1, Direction::kUnknown), end_of(1, 2, Direction::kInbound)}),
            Cookies{2});
  EXPECT_EQ(kept({end_of(1, 2, Direction::kUnknown), end_of(2, 1, Direction::kOutbound)}),
            Cookies{2});
}

TEST(JoinPairs, WhereThatIsNotKnownTheOlderSocket) {
  EXPECT_EQ(kept({end_of(2, 1, Direction::kUnknown), end_of(1, 2, Direction::kUnknown)}),
            Cookies{1});
  EXPECT_EQ(kept({end_of(1, 2, Direction::kOutbound), end_of(2, 1, Direction::kOutbound)}),
            Cookies{1});
}

TEST(JoinPairs, KeepsWhatHasNoOtherEndAmongTheRows) {
  EXPECT_EQ(kept({end_of(1, 0, Direction::kInbound), end_of(2, 3, Direction::kInbound)}),
            (Cookies{1, 2}));
}

TEST(JoinPairs, LeavesOutSocketsWithoutARemoteEnd) {
  Flow listener = end_of(1, 0, Direction::kListen);
  listener.remote = {};
  EXPECT_EQ(kept({listener, end_of(2, 0, Direction::kOutbound)}), Cookies{2});
}

}  // namespace
}  // namespace sockscope
