// SPDX-License-Identifier: Apache-2.0
#include "cli/lookup.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace sockscope {
namespace {

TEST(Lookup, Pids) {
  EXPECT_EQ(*parse_pids("12,345"), (std::vector<std::uint32_t>{12, 345}));
  for (const char* bad : {"4194305", "", "0", "1,", "x", "1 2", "-1", "99999999999"})
    EXPECT_FALSE(parse_pids(bad)) << bad;
}

TEST(Lookup, Ports) {
  const auto ports = parse_ports("80,8000-8100");
  ASSERT_TRUE(ports);
  ASSERT_EQ(ports->size(), 2u);
  EXPECT_EQ((*ports)[0].first, 80);
  EXPECT_EQ((*ports)[0].last, 80);
  EXPECT_EQ((*ports)[1].first, 8000);
  EXPECT_EQ((*ports)[1].last, 8100);
  for (const char* bad : {"", "65536", "2-1", "a-b", "1-", "-1", "http"})
    EXPECT_FALSE(parse_ports(bad)) << bad;
}

TEST(Lookup, Counts) {
  EXPECT_EQ(*parse_count("0"), 0u);
  EXPECT_EQ(*parse_count("12"), 12u);
  for (const char* bad : {"", "-1", "+1", "1.5", "99999999999999999999"})
    EXPECT_FALSE(parse_count(bad)) << bad;
}

TEST(Lookup, Seconds) {
  EXPECT_EQ(parse_seconds("0.25", 0.1, 10)->count(), 250);
  for (const char* bad : {"", "0", "11", "nan", "inf", "1s", "-1"})
    EXPECT_FALSE(parse_seconds(bad, 0.1, 10)) << bad;
}

TEST(Lookup, Users) {
  EXPECT_EQ(*parse_user("root"), 0u);
  EXPECT_EQ(*parse_user("1234"), 1234u);
  EXPECT_FALSE(parse_user("no such user"));
  EXPECT_EQ(user_name(0), "root");
}

TEST(Lookup, NetworkNamespaces) {
  EXPECT_EQ(*parse_netns("4026531840"), 4026531840u);
  struct stat status {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &status), 0);
  EXPECT_EQ(*parse_netns("/proc/self/ns/net"), status.st_ino);
  for (const auto& [text, path] : {std::pair{"pid:x", "/proc/x/ns/net"}, {"x", "/run/netns/x"}}) {
    const auto missing = parse_netns(text);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().find(path), std::string::npos) << missing.error();
  }
}

}  // namespace
}  // namespace sockscope
