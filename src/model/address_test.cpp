// SPDX-License-Identifier: Apache-2.0
#include "model/address.h"

#include <gtest/gtest.h>

#include <string>

namespace sockscope {
namespace {

TEST(Address, AsText) {
  Address v4{.bytes = {192, 0, 2, 255}, .family = 4};
  EXPECT_EQ(to_string(v4), "192.0.2.255");
  Address v6{.bytes = {0x20, 0x01, 0x0d, 0xb8}, .family = 6};
  EXPECT_EQ(to_string(v6), "2001:db8::");
  EXPECT_EQ(to_string(Endpoint{v4, 80}), "192.0.2.255:80");
  EXPECT_EQ(to_string(Endpoint{v6, 443}), "[2001:db8::]:443");
}

TEST(Address, IsUnspecified) {
  EXPECT_TRUE(Address{}.is_unspecified());
  EXPECT_FALSE((Address{.bytes = {0, 0, 0, 1}, .family = 4}).is_unspecified());
}

TEST(Address, IsLoopbackOrGlobal) {
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

TEST(Address, BelongsToAZone) {
  for (const char* text : {"fe80::1", "febf::1", "ff02::fb", "ff12::1"})
    EXPECT_TRUE(parse_address(text)->is_of_zone()) << text;
  for (const char* text : {"fec0::1", "fd00::1", "ff05::2", "ff0e::1", "::1", "254.128.0.1", "::"})
    EXPECT_FALSE(parse_address(text)->is_of_zone()) << text;
}

TEST(Address, TextKeepsTheZoneOfAddressesThatHaveOne) {
  for (const char* text : {"fe80::1%eth0", "ff02::fb%7", "fe80::1", "2001:db8::1", "192.0.2.1"})
    EXPECT_EQ(to_string(*parse_address(text)), text);
  EXPECT_EQ(to_string(*parse_address("[fe80::1]%eth0")), "fe80::1%eth0");
  EXPECT_EQ(to_string(*parse_address("[fe80::1%eth0]")), "fe80::1%eth0");
  EXPECT_EQ(to_string(*parse_address("fe80::1%")), "fe80::1");
  EXPECT_EQ(to_string(*parse_address("127.0.0.53%lo")), "127.0.0.53");
  EXPECT_EQ(to_string(*parse_address("2001:db8::1%eth0")), "2001:db8::1");
  EXPECT_EQ(to_string(Endpoint{*parse_address("fe80::1%eth0"), 443}), "[fe80::1%eth0]:443");
}

TEST(Address, OfAnotherZoneIsAnother) {
  const Address here = *parse_address("fe80::1%eth0");
  EXPECT_EQ(here, *parse_address("fe80::1%eth0"));
  EXPECT_NE(here, *parse_address("fe80::1%eth1"));
  EXPECT_NE(here, *parse_address("fe80::1"));
  EXPECT_EQ(without_zone(here), *parse_address("fe80::1"));
}

TEST(Zone, NamesAreCleanAndStay) {
  EXPECT_EQ(Zone().name(), "");
  EXPECT_EQ(Zone(""), Zone());
  const Zone hostile("et\x1b[1m\xff");
  EXPECT_EQ(hostile.name(), "et?[1m?");
  const char* name = hostile.name().data();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Zone(std::to_string(i)).name(), std::to_string(i));
  EXPECT_EQ(hostile.name().data(), name);
}

// In a process of its own, because afterwards the table is full.
TEST(ZoneDeathTest, TooManyNamesAreNone) {
  const auto fill = [] {
    const Zone known("eth0");
    for (int i = 0; i < 70'000; ++i) (void)Zone("x" + std::to_string(i));
    const bool ok =
        Zone("one too many") == Zone() && Zone("eth0") == known && known.name() == "eth0";
    std::exit(ok ? 0 : 1);
  };
  EXPECT_EXIT(fill(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sockscope
