// SPDX-License-Identifier: Apache-2.0
#include "base/local_time.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "base/zone_testing.h"

namespace sockscope {
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kMarch29 = 1'774'742'400;    // 2026-03-29 00:00 as UTC
constexpr std::int64_t kOctober25 = 1'792'886'400;  // 2026-10-25
constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";
constexpr const char* kNewYork = "EST5EDT,M3.2.0,M11.1.0";

TEST(MomentOf, IsWhenTheClockShowsIt) {
  const ZoneForTest zone(kBerlin);
  EXPECT_EQ(moment_of(kMarch29 + 1 * kHour, local_utc_offset), kMarch29);
  EXPECT_EQ(moment_of(kMarch29 + 2 * kHour - 1, local_utc_offset), kMarch29 + 1 * kHour - 1);
  EXPECT_EQ(moment_of(kMarch29 + 3 * kHour, local_utc_offset), kMarch29 + 1 * kHour);
}

TEST(MomentOf, IsNothingWhereTheClockIsPutForward) {
  const ZoneForTest zone(kBerlin);
  for (const std::int64_t local_s :
       {kMarch29 + 2 * kHour, kMarch29 + 2 * kHour + 1800, kMarch29 + 3 * kHour - 1}) {
    const auto moment = moment_of(local_s, local_utc_offset);
    ASSERT_FALSE(moment);
    EXPECT_EQ(moment.error().unix_s, kMarch29 + 1 * kHour);
    EXPECT_EQ(moment.error().before_s, kMarch29 + 2 * kHour);
    EXPECT_EQ(moment.error().after_s, kMarch29 + 3 * kHour);
  }
}

TEST(MomentOf, IsTheFirstWhereTheClockIsPutBack) {
  const ZoneForTest zone(kBerlin);
  EXPECT_EQ(moment_of(kOctober25 + 2 * kHour - 1, local_utc_offset), kOctober25 - 1);
  EXPECT_EQ(moment_of(kOctober25 + 2 * kHour, local_utc_offset), kOctober25);
  EXPECT_EQ(moment_of(kOctober25 + 3 * kHour - 1, local_utc_offset), kOctober25 + kHour - 1);
  EXPECT_EQ(moment_of(kOctober25 + 3 * kHour, local_utc_offset), kOctober25 + 2 * kHour);
}

// Samoa left out 30 December 2011: it changed from 10 hours behind UTC to 14 hours ahead.
std::int64_t samoa(std::int64_t unix_s) {
  return unix_s < 1'325'239'200 ? -10 * kHour : 14 * kHour;
}

TEST(MomentOf, IsNothingOnADayThatWasLeftOut) {
  constexpr std::int64_t kDecember30 = 1'325'203'200;
  EXPECT_EQ(moment_of(kDecember30 - 1, samoa), 1'325'239'199);
  EXPECT_EQ(moment_of(kDecember30 + 24 * kHour, samoa), 1'325'239'200);
  for (const std::int64_t hour : {0, 1, 12, 23}) {
    const auto moment = moment_of(kDecember30 + hour * kHour, samoa);
    ASSERT_FALSE(moment) << hour;
    EXPECT_EQ(moment.error().before_s, kDecember30);
    EXPECT_EQ(moment.error().after_s, kDecember30 + 24 * kHour);
  }
}

// Every quarter of an hour of 2026 there and back, in zones at the ends of the earth, too.
TEST(MomentOf, IsTheInverseOfTheOffset) {
  for (const char* rules : {kBerlin, kNewYork, "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "<+14>-14",
                            "<-12>12", "EET-2EEST,M4.5.5/0,M10.5.4/24"}) {
    const ZoneForTest zone(rules);
    for (std::int64_t time = 1'767'225'600; time < 1'798'761'600; time += 900) {
      const std::int64_t local_s = time + local_utc_offset(time);
      const auto moment = moment_of(local_s, local_utc_offset);
      ASSERT_TRUE(moment) << rules << " " << time;
      ASSERT_LE(*moment, time) << rules;
      ASSERT_EQ(*moment + local_utc_offset(*moment), local_s) << rules;
    }
  }
}

// The rules that tests name are those of the zones.
TEST(LocalUtcOffset, OfAZoneIsThatOfItsRules) {
  if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Berlin"))
    GTEST_SKIP() << "this host has no zones";
  const auto offsets_in = [](const char* name) {
    const ZoneForTest zone(name);
    std::vector<std::int64_t> offsets;
    for (std::int64_t time = 1'767'225'600; time < 1'798'761'600; time += 1800)
      offsets.push_back(local_utc_offset(time));
    return offsets;
  };
  EXPECT_EQ(offsets_in("Europe/Berlin"), offsets_in(kBerlin));
  EXPECT_EQ(offsets_in("America/New_York"), offsets_in(kNewYork));
  EXPECT_NE(offsets_in(kBerlin), offsets_in(kNewYork));
}

TEST(MomentText, HasTheOffsetOfThatMoment) {
  const ZoneForTest zone(kBerlin);
  EXPECT_EQ(moment_text(kMarch29 * 1'000'000'000, local_utc_offset), "2026-03-29 01:00:00+01:00");
  EXPECT_EQ(moment_text((kMarch29 + kHour) * 1'000'000'000 + 250, local_utc_offset),
            "2026-03-29 03:00:00.000000250+02:00");
  EXPECT_EQ(moment_text(-1, samoa), "1969-12-31 13:59:59.999999999-10:00");
}

}  // namespace
}  // namespace sockscope
