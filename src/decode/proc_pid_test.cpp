// SPDX-License-Identifier: Apache-2.0
#include "decode/proc_pid.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kStatTail =
    " S 1 1234 1200 0 -1 4194560 100 0 0 0 5 6 7 8 20 0 3 0 987654 1000 200 18446744073709551615 1";

TEST(ParseProcStat, ReadsTheFields) {
  const auto stat = parse_proc_stat("1234 (nginx: worker)" + std::string(kStatTail));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 1234u);
  EXPECT_EQ(stat->comm, "nginx: worker");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent_pid, 1u);
  EXPECT_EQ(stat->session, 1200u);
  EXPECT_EQ(stat->threads, 3u);
  EXPECT_EQ(stat->start_ticks, 987654u);
}

TEST(ParseProcStat, NamesMayHoldAnything) {
  for (const std::string_view name : {") R 1 (", "a b) S 7", "\n", ""}) {
    const auto stat = parse_proc_stat("7 (" + std::string(name) + ")" + std::string(kStatTail));
    ASSERT_TRUE(stat) << name;
    EXPECT_EQ(stat->comm, name);
    EXPECT_EQ(stat->session, 1200u);
  }
}

TEST(ParseProcStat, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "12", "12 (x", "x (y) S 1", ")12 (", "12 (x) S", "12 (x) S 1 2 z"})
    EXPECT_FALSE(parse_proc_stat(text)) << text;
}

TEST(ParseProcStatus, EffectiveIdsAndInnermostPid) {
  const auto status = parse_proc_status(
      "Name:\tx\nTracerPid:\t77\nUid:\t1000\t0\t1000\t0\nGid:\t100\t50\t1\t1\n"
      "NSpid:\t5000\t60\t1\nThreads:\t2\n");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->uid, 0u);
  EXPECT_EQ(status->gid, 50u);
  EXPECT_EQ(status->tracer_pid, 77u);
  EXPECT_EQ(status->inner_pid, 1u);
}

TEST(ParseProcStatus, OnePidMeansNoNamespaceOfItsOwn) {
  EXPECT_EQ(parse_proc_status("Uid:\t1\t2\t3\t4\nNSpid:\t5000\n")->inner_pid, 0u);
}

TEST(ParseProcStatus, RefusesWhatIsNone) {
  EXPECT_FALSE(parse_proc_status(""));
  EXPECT_FALSE(parse_proc_status("Uid:\t1\n"));
  EXPECT_FALSE(parse_proc_status("Uid:\tx\ty\n"));
}

TEST(Arguments, EachEndsWithNul) {
  using List = std::vector<std::string>;
  EXPECT_EQ(split_arguments("curl\0-s\0http://x/\0"sv), (List{"curl", "-s", "http://x/"}));
  EXPECT_EQ(split_arguments("a\0\0b c\0\0"sv), (List{"a", "", "b c", ""}));
  EXPECT_EQ(split_arguments("a title"), List{"a title"});
  EXPECT_EQ(split_arguments("\0"sv), List{""});
  EXPECT_EQ(split_arguments(""), List{});
}

TEST(Arguments, JoinedHaveASpaceBetween) {
  EXPECT_EQ(join_arguments({"curl", "-s", "http://x/"}), "curl -s http://x/");
  EXPECT_EQ(join_arguments({"true", "One", "", "Two", ""}), "true One  Two ");
  EXPECT_EQ(join_arguments({}), "");
}

TEST(ParseNamespaceLink, TheNumber) {
  EXPECT_EQ(parse_namespace_link("net:[4026531840]"), 4026531840u);
  EXPECT_EQ(parse_namespace_link("net:[]"), 0u);
  EXPECT_EQ(parse_namespace_link("net:[12"), 0u);
  EXPECT_EQ(parse_namespace_link(""), 0u);
}

TEST(ParseProcCgroup, VersionTwoBeforeVersionOne) {
  EXPECT_EQ(parse_proc_cgroup("1:name=systemd:/a.service\n0::/system.slice/nginx.service\n"),
            "/system.slice/nginx.service");
}

TEST(ParseProcCgroup, TheRootOfVersionTwoTellsNothing) {
  EXPECT_EQ(parse_proc_cgroup("9:cpu,cpuacct:/\n1:name=systemd:/system.slice/ssh.service\n0::/\n"),
            "/system.slice/ssh.service");
  const std::string id(64, 'a');
  EXPECT_EQ(parse_proc_cgroup("4:memory:/docker/" + id + "\n1:name=systemd:/x.service\n0::/\n"),
            "/docker/" + id);
  EXPECT_EQ(parse_proc_cgroup("9:cpu:/\n0::/\n"), "/");
}

TEST(ParseProcCgroup, PathsMayHoldColons) {
  EXPECT_EQ(parse_proc_cgroup("0::/a:b\n"), "/a:b");
  EXPECT_EQ(parse_proc_cgroup("0:\n:\nnonsense\n"), "");
}

}  // namespace
}  // namespace sockscope
