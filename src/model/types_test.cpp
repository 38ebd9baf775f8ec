// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sockscope/event.h>

namespace sockscope {
namespace {

TEST(Types, EveryStateAndEventHasItsName) {
  for (std::uint8_t state = 1; state <= 12; ++state)
    EXPECT_FALSE(to_string(TcpState{state}).empty()) << int{state};
  EXPECT_EQ(to_string(TcpState::kNone), "");
  EXPECT_EQ(to_string(EventKind::kConnectFailed), "connect_failed");
  EXPECT_EQ(to_string(EventKind::kGap), "gap");
}

}  // namespace
}  // namespace sockscope
