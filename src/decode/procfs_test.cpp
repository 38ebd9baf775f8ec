// SPDX-License-Identifier: Apache-2.0
#include "decode/procfs.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

TEST(FindCgroup2Mount, TakesTheFirstOfThatType) {
  EXPECT_EQ(find_cgroup2_mount("tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
                               "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
                               "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n"),
            "/sys/fs/cgroup/unified");
}

TEST(FindCgroup2Mount, ReadsEscapedSpaces) {
  EXPECT_EQ(find_cgroup2_mount("none /mnt/a\\040b\\134c cgroup2 rw 0 0"), "/mnt/a b\\c");
}

TEST(FindCgroup2Mount, IsAbsentElsewhere) {
  EXPECT_FALSE(find_cgroup2_mount(""));
  EXPECT_FALSE(find_cgroup2_mount("cgroup2 /x tmpfs rw 0 0\n\n \n\\"));
}

TEST(FindCgroup2Root, IsWhatTheMountShows) {
  EXPECT_EQ(
      find_cgroup2_root("40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw\n"
                        "41 31 0:38 /../.. /sys/fs/cgroup/unified rw shared:9 - cgroup2 c rw\n"),
      "/../..");
  EXPECT_EQ(find_cgroup2_root("41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"), "/");
  EXPECT_EQ(find_cgroup2_root("1 2 0:3 / / rw - ext4 x rw\n\n - cgroup2"), "");
}

TEST(RelativeCgroup, IsAsTheKernelSaysIt) {
  EXPECT_EQ(relative_cgroup("/a/b/c", ""), "/a/b/c");
  EXPECT_EQ(relative_cgroup("", ""), "/");
  EXPECT_EQ(relative_cgroup("/a/b/c", "/a/b"), "/c");
  EXPECT_EQ(relative_cgroup("/a/b", "/a/b"), "/");
  EXPECT_EQ(relative_cgroup("/a/bc", "/a/b"), "/../bc");
  EXPECT_EQ(relative_cgroup("/a", "/a/b"), "/..");
  EXPECT_EQ(relative_cgroup("/x/y", "/a/b"), "/../../x/y");
  EXPECT_EQ(relative_cgroup("", "/a/b"), "/../..");
}

constexpr std::string_view kStat =
    "12394 (a) b (c) S 12303 12303 15238 0 -1 4194304 102 0 0 0 0 0 0 0 20 0 1 0 1225100 3133440 "
    "366 18446744073709551615 1 1 0 0\n";

TEST(ParseStat, TheNameMayHoldAnything) {
  const auto stat = parse_stat(kStat);
  ASSERT_TRUE(stat);
  EXPECT_STREQ(stat->comm.data(), "a) b (c");
  EXPECT_EQ(stat->start_ticks, 1225100u);
  const auto longer =
      parse_stat("1 (0123456789abcdefghij) S 1 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 9 1");
  ASSERT_TRUE(longer);
  EXPECT_STREQ(longer->comm.data(), "0123456789abcde");
}

TEST(ParseStat, WhatIsCutIsRefused) {
  const std::size_t end_of_start = kStat.find("1225100") + 7;
  for (std::size_t size = 0; size < kStat.size(); ++size)
    EXPECT_EQ(parse_stat(kStat.substr(0, size)).has_value(), size > end_of_start) << size;
  for (const std::string_view text : {"", "()", ")(", "1 (x", "1 x)", "1 (x) S a b c"})
    EXPECT_FALSE(parse_stat(text)) << text;
}

TEST(FindRealUid, ReadsTheFirstOfFour) {
  EXPECT_EQ(find_real_uid("Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t5\n"), 1000u);
  EXPECT_FALSE(find_real_uid("Name:\tUid:\n"));
  EXPECT_FALSE(find_real_uid("Uid:"));
  EXPECT_FALSE(find_real_uid("Uid:\t99999999999\n"));
}

TEST(FindCgroup2Path, IsThatOfTheUnifiedHierarchy) {
  EXPECT_EQ(find_cgroup2_path("5:cpu:/a\n0::/user.slice/x\n"), "/user.slice/x");
  EXPECT_FALSE(find_cgroup2_path("5:cpu:/a\n"));
}

}  // namespace
}  // namespace sockscope
