// SPDX-License-Identifier: Apache-2.0
#include "cli/wishes.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

std::string said(const std::vector<Door>& doors, const Options& asked) {
  testing::internal::CaptureStderr();
  report_unobserved(doors, asked);
  return testing::internal::GetCapturedStderr();
}

TEST(Wishes, WhatWasNotAskedForIsNotMissed) {
  const std::vector<Door> doors{{"remote ends of udp sockets", "cgroup_skb/egress", "refused"},
                                {"retransmits", "tp_btf/tcp_retransmit_skb", "refused"}};
  EXPECT_EQ(said(doors, {}), "");
  EXPECT_EQ(complete_doors(doors, {}, Source::kEbpf).size(), 2u);
}

TEST(Wishes, OneDoorThatOpenedIsEnough) {
  Options asked;
  asked.processes = true;
  EXPECT_EQ(said({{"process user", "fentry/x", "refused"}, {"process user", "netlink", ""}}, asked),
            "");
  EXPECT_EQ(said({{"process user", "netlink", ""}, {"process user", "fentry/x", "refused"}}, asked),
            "");
}

TEST(Wishes, OneLineForAllThatAnOptionAskedFor) {
  Options asked;
  asked.processes = true;
  std::vector<Door> doors{{"process user", "fentry/x", "first"},
                          {"process user", "kprobe/x", "why\nand the verifier's log"}};
  EXPECT_EQ(said(doors, asked), "sockscope: process user is not observed: why\n");
  doors.push_back({"process tracer", "kprobe/y", "another"});
  EXPECT_EQ(said(doors, asked), "sockscope: process user, process tracer are not observed: why\n");
}

TEST(Wishes, WhatNoDoorMentionsIsRefusedToo) {
  Options asked;
  asked.udp_peers = true;
  asked.data = true;
  const auto polled = complete_doors({}, asked, Source::kSockDiag);
  ASSERT_EQ(polled.size(), 2u);
  EXPECT_EQ(polled[0].observation, "remote ends of udp sockets");
  EXPECT_EQ(polled[0].name, "sock_diag");
  EXPECT_EQ(polled[0].refused, "only eBPF has a way");
  EXPECT_EQ(polled[1].observation, "each send and receive");
  EXPECT_EQ(count_unobserved(polled), 2u);
  asked.data = false;
  const auto hooked = complete_doors({}, asked, Source::kEbpf);
  ASSERT_EQ(hooked.size(), 1u);
  EXPECT_EQ(said(hooked, asked),
            "sockscope: remote ends of udp sockets are not observed: --doors leaves no way\n");
}

}  // namespace
}  // namespace sockscope
