// SPDX-License-Identifier: Apache-2.0
#include "track/end_pairs.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

constexpr std::uint32_t kNone = EndPairs::kNone;
constexpr auto kGoesOn = [](std::uint32_t) { return EndPairs::Relation::kOther; };
constexpr auto kIsOver = [](std::uint32_t) { return EndPairs::Relation::kOver; };
constexpr auto kIsStranger = [](std::uint32_t) { return EndPairs::Relation::kStranger; };

TEST(EndPairs, TwoSlotsWithAKeyAreAPair) {
  EndPairs pairs;
  pairs.put(3, 77, kGoesOn);
  EXPECT_EQ(pairs.other(3), kNone);
  pairs.put(5, 77, kGoesOn);
  pairs.put(4, 78, kGoesOn);
  EXPECT_EQ(pairs.other(3), 5u);
  EXPECT_EQ(pairs.other(5), 3u);
  EXPECT_EQ(pairs.other(4), kNone);
  EXPECT_EQ(pairs.other(1000), kNone);
}

TEST(EndPairs, AThirdOneHasNoOther) {
  EndPairs pairs;
  for (const std::uint32_t slot : {1u, 2u, 3u}) pairs.put(slot, 77, kGoesOn);
  EXPECT_EQ(pairs.other(3), kNone);
  EXPECT_EQ(pairs.other(1), 2u);
}

TEST(EndPairs, WhichEverEndGoesTheOtherCanBeFoundAgain) {
  for (const std::uint32_t goes : {1u, 2u}) {
    EndPairs pairs;
    pairs.put(1, 77, kGoesOn);
    pairs.put(2, 77, kGoesOn);
    pairs.remove(goes);
    const std::uint32_t stays = 3 - goes;
    EXPECT_EQ(pairs.other(stays), kNone);
    EXPECT_EQ(pairs.other(goes), kNone);
    pairs.put(9, 77, kGoesOn);
    EXPECT_EQ(pairs.other(stays), 9u);
    EXPECT_EQ(pairs.other(9), stays);
  }
}

TEST(EndPairs, ASlotMayChangeItsKeyOrLoseIt) {
  EndPairs pairs;
  pairs.put(1, 77, kGoesOn);
  pairs.put(2, 77, kGoesOn);
  pairs.put(2, 78, kGoesOn);
  EXPECT_EQ(pairs.key(2), 78u);
  EXPECT_EQ(pairs.other(1), kNone);
  pairs.put(2, 0, kGoesOn);
  EXPECT_EQ(pairs.key(2), 0u);
  pairs.put(3, 78, kGoesOn);
  EXPECT_EQ(pairs.other(3), kNone);
}

TEST(EndPairs, AStrangerIsNoOtherEnd) {
  EndPairs pairs;
  pairs.put(1, 77, kGoesOn);
  pairs.put(2, 77, kIsStranger);
  EXPECT_EQ(pairs.other(2), kNone);
  pairs.put(3, 77, kGoesOn);
  EXPECT_EQ(pairs.other(1), 3u);
}

TEST(EndPairs, KeysOfWhatIsOverAreUsedAgain) {
  EndPairs pairs;
  pairs.put(1, 77, kGoesOn);
  pairs.put(2, 77, kGoesOn);
  pairs.put(3, 77, kIsOver);
  pairs.put(4, 77, kGoesOn);
  EXPECT_EQ(pairs.other(3), 4u);
  EXPECT_EQ(pairs.other(1), 2u);  // still those of the connection before
  pairs.remove(1);
  pairs.remove(2);
  EXPECT_EQ(pairs.other(3), 4u);
  pairs.put(5, 77, kGoesOn);
  EXPECT_EQ(pairs.other(5), kNone);
}

}  // namespace
}  // namespace sockscope
