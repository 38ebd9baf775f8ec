// SPDX-License-Identifier: Apache-2.0
#include "cli/wishes.h"

#include <gtest/gtest.h>

#include "model/diagnosis.h"

namespace sockscope {
namespace {

std::string said(const std::vector<Door>& doors, const Options& asked) {
  testing::internal::CaptureStderr();
  report_unobserved(doors, asked);
  return testing::internal::GetCapturedStderr();
}

TEST(Wishes, WhatWasNotAskedForIsNotMissed) {
  const std::vector<Door> doors{
      {Observation::kUdpPeers, "cgroup_skb/egress", "refused"},
      {Observation::kRetransmits, "tp_btf/tcp_retransmit_skb", "refused"}};
  EXPECT_EQ(said(doors, {}), "");
  EXPECT_EQ(complete_doors(doors, {}, Source::kEbpf).size(), 2u);
}

TEST(Wishes, OneDoorThatOpenedIsEnough) {
  Options asked;
  asked.processes = true;
  EXPECT_EQ(said({{Observation::kProcessUser, "fentry/x", "refused"},
                  {Observation::kProcessUser, "netlink", ""}},
                 asked),
            "");
  EXPECT_EQ(said({{Observation::kProcessUser, "netlink", ""},
                  {Observation::kProcessUser, "fentry/x", "refused"}},
                 asked),
            "");
}

TEST(Wishes, OneLineForAllThatAnOptionAskedFor) {
  Options asked;
  asked.processes = true;
  std::vector<Door> doors{{Observation::kProcessUser, "fentry/x", "first"},
                          {Observation::kProcessUser, "kprobe/x", "why\nand the verifier's log"}};
  EXPECT_EQ(said(doors, asked), "sockscope: process user is not observed: why\n");
  doors.push_back({Observation::kProcessTracer, "kprobe/y", "another"});
  EXPECT_EQ(said(doors, asked), "sockscope: process user, process tracer are not observed: why\n");
}

TEST(Wishes, WhatNoDoorMentionsIsRefusedToo) {
  Options asked;
  asked.udp_peers = true;
  asked.data = true;
  const auto polled = complete_doors({}, asked, Source::kSockDiag);
  ASSERT_EQ(polled.size(), 2u);
  EXPECT_EQ(polled[0].observation, Observation::kUdpPeers);
  EXPECT_EQ(polled[0].name, "sock_diag");
  EXPECT_EQ(polled[0].refused, "only eBPF has a way");
  EXPECT_EQ(polled[1].observation, Observation::kEachCall);
  EXPECT_EQ(unobserved(polled).size(), 2u);
  asked.data = false;
  const auto hooked = complete_doors({}, asked, Source::kEbpf);
  ASSERT_EQ(hooked.size(), 1u);
  EXPECT_EQ(said(hooked, asked),
            "sockscope: remote ends of udp sockets are not observed: --doors leaves no way\n");
}

}  // namespace
}  // namespace sockscope
