// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

TEST(TimeOffsets, AreReadAsTheKernelWritesThem) {
  const TimeOffsets offsets =
      parse_time_offsets("monotonic      86400 500000000\nboottime         -10         0\n");
  EXPECT_EQ(offsets.monotonic_ns, 86'400'500'000'000);
  EXPECT_EQ(offsets.boottime_ns, -10'000'000'000);
}

TEST(TimeOffsets, NonsenseIsNoOffset) {
  for (const char* text : {"", "monotonic", "monotonic x 1\n", "monotonic 1\n", "7 7 7\n",
                           "monotonic 9223372036854775807 0\n"}) {
    EXPECT_EQ(parse_time_offsets(text).monotonic_ns, 0) << text;
    EXPECT_EQ(parse_time_offsets(text).boottime_ns, 0) << text;
  }
}

}  // namespace
}  // namespace sockscope
