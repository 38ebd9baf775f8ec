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

TEST(FindEffectiveCapabilities, ReadsTheMask) {
  EXPECT_EQ(find_effective_capabilities("Name:\tx\nCapPrm:\t00000000000000ff\n"
                                        "CapEff:\t000001fffeffffff\nCapBnd:\t0\n"),
            0x1fffeffffffu);
}

TEST(FindEffectiveCapabilities, IsAbsentWithoutTheLine) {
  EXPECT_FALSE(find_effective_capabilities("Name:\tx\n"));
  EXPECT_FALSE(find_effective_capabilities("CapEff:"));
  EXPECT_FALSE(find_effective_capabilities("CapEff:\tzz\n"));
}

}  // namespace
}  // namespace sockscope
