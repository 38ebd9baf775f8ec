// SPDX-License-Identifier: Apache-2.0
#include "base/timestamp.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace sockscope {
namespace {

class TimeZone : public testing::Test {
 protected:
  ~TimeZone() override { set("UTC"); }
  static void set(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
};

TEST_F(TimeZone, is_named_as_of_that_time) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  set("UTC");
  EXPECT_EQ(time_zone(0), "UTC");
  set("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(time_zone(1'768'000'000 * kSecond), "CET");   // January 2026
  EXPECT_EQ(time_zone(1'784'000'000 * kSecond), "CEST");  // July
  set("<+0530>-5:30");
  EXPECT_EQ(time_zone(0), "+0530");
}

}  // namespace
}  // namespace sockscope
