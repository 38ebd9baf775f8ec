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

TEST(Types, LoopbackAndGlobal) {
  const auto v4 = [](std::uint8_t a, std::uint8_t b) {
    return Address{.bytes = {a, b, 0, 1}, .family = 4};
  };
  EXPECT_TRUE(v4(127, 3).is_loopback());
  EXPECT_FALSE(v4(128, 3).is_loopback());
  for (const auto& address : {v4(9, 0), v4(100, 63), v4(100, 128), v4(172, 15), v4(172, 32),
                              v4(192, 167), v4(169, 253), v4(223, 255)})
    EXPECT_TRUE(address.is_global()) << to_string(address);
  for (const auto& address :
       {v4(0, 0), v4(10, 1), v4(100, 64), v4(100, 127), v4(127, 0), v4(169, 254), v4(172, 16),
        v4(172, 31), v4(192, 168), v4(224, 0), v4(255, 255)})
    EXPECT_FALSE(address.is_global()) << to_string(address);

  Address one{.bytes = {}, .family = 6};
  one.bytes[15] = 1;
  EXPECT_TRUE(one.is_loopback());
  EXPECT_FALSE(one.is_global());
  Address v6{.bytes = {0x20, 1}, .family = 6};
  v6.bytes[15] = 1;
  EXPECT_TRUE(v6.is_global());
  EXPECT_FALSE(v6.is_loopback());
  v6.bytes[0] = 0xfd;
  EXPECT_FALSE(v6.is_global());
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
