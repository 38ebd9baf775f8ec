// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sockscope/types.h>

namespace sockscope {
namespace {

TEST(Types, AddressesAsText) {
  Address v4{.bytes = {192, 0, 2, 255}, .family = 4};
  EXPECT_EQ(to_string(v4), "192.0.2.255");
  Address v6{.bytes = {0x20, 0x01, 0x0d, 0xb8}, .family = 6};
  EXPECT_EQ(to_string(v6), "2001:db8::");
  EXPECT_EQ(to_string(Endpoint{v4, 80}), "192.0.2.255:80");
  EXPECT_EQ(to_string(Endpoint{v6, 443}), "[2001:db8::]:443");
}

TEST(Types, Unspecified) {
  EXPECT_TRUE(Address{}.is_unspecified());
  EXPECT_FALSE((Address{.bytes = {0, 0, 0, 1}, .family = 4}).is_unspecified());
}

TEST(Types, EveryStateAndEventHasItsName) {
  for (std::uint8_t state = 1; state <= 12; ++state)
    EXPECT_FALSE(to_string(TcpState{state}).empty()) << int{state};
  EXPECT_EQ(to_string(TcpState::kNone), "");
  EXPECT_EQ(to_string(EventKind::kConnectFailed), "connect_failed");
  EXPECT_EQ(to_string(EventKind::kGap), "gap");
}

}  // namespace
}  // namespace sockscope
