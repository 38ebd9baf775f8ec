// SPDX-License-Identifier: Apache-2.0
#include "base/timestamp.h"

#include <gtest/gtest.h>

#include "base/zone_testing.h"

namespace sockscope {
namespace {

std::string zone_at(const char* zone, std::uint64_t unix_s) {
  const ZoneForTest set(zone);
  return time_zone(unix_s * 1'000'000'000);
}

TEST(TimeZone, is_named_as_of_that_time) {
  EXPECT_EQ(zone_at("UTC", 0), "UTC");
  EXPECT_EQ(zone_at("CET-1CEST,M3.5.0,M10.5.0/3", 1'768'000'000), "CET");   // January 2026
  EXPECT_EQ(zone_at("CET-1CEST,M3.5.0,M10.5.0/3", 1'784'000'000), "CEST");  // July
  EXPECT_EQ(zone_at("<+0530>-5:30", 0), "+0530");
}

}  // namespace
}  // namespace sockscope
