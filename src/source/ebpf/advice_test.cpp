// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/advice.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sockscope {
namespace {

TEST(Advice, FitsTheDoorAndTheReason) {
  EXPECT_NE(advice_for(DoorKind::kCgroup, "Operation not permitted").find("CAP_NET_ADMIN"),
            std::string::npos);
  EXPECT_EQ(advice_for(DoorKind::kFunction, "Operation not permitted").find("CAP_NET_ADMIN"),
            std::string::npos);
  EXPECT_NE(advice_for(DoorKind::kTracepoint, "the kernel has no tracepoint sock_send_length")
                .find("6.3"),
            std::string::npos);
  EXPECT_TRUE(advice_for(DoorKind::kIterator, "Invalid argument").empty());
}

// choose() and attach() rely on these.
TEST(Observations, TableIsSound) {
  std::set<std::string_view> names;
  for (const Observation& observation : kObservations) {
    EXPECT_TRUE(names.insert(observation.name).second) << observation.name;
    EXPECT_NE(observation.ways[0].kind, DoorKind::kNone) << observation.name;
    bool is_over = false;
    for (const Way& way : observation.ways) {
      EXPECT_EQ(way.programs.empty(), way.kind == DoorKind::kNone) << observation.name;
      EXPECT_FALSE(is_over && way.kind != DoorKind::kNone) << "a gap in " << observation.name;
      is_over = way.kind == DoorKind::kNone;
    }
  }
}

}  // namespace
}  // namespace sockscope
