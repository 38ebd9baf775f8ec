// SPDX-License-Identifier: Apache-2.0
#include "model/match.h"

#include <gtest/gtest.h>

#include <cstring>

namespace sockscope {
namespace {

Flow sample() {
  Flow flow;
  flow.netns = 99;
  flow.local.addr.family = 4;
  flow.local.port = 48122;
  flow.remote.port = 443;
  flow.owner.pid = 7;
  flow.owner.uid = 1000;
  std::strcpy(flow.owner.comm.data(), "curl");
  return flow;
}

bool matches(const Filter& filter) {
  return (*FlowMatcher::compile(filter))(sample());
}

TEST(FlowMatcher, EmptyFilterMatchesAll) {
  EXPECT_TRUE(matches({}));
  EXPECT_TRUE(FlowMatcher::compile({})->matches_all());
}

TEST(FlowMatcher, EachConditionDecides) {
  EXPECT_TRUE(matches({.pids = {3, 7}}));
  EXPECT_FALSE(matches({.pids = {3}}));
  EXPECT_TRUE(matches({.comm = "curl"}));
  EXPECT_FALSE(matches({.comm = "cur"}));
  EXPECT_TRUE(matches({.comm = "/^cu/"}));
  EXPECT_FALSE(matches({.comm = "/^ur/"}));
  EXPECT_TRUE(matches({.uid = 1000}));
  EXPECT_FALSE(matches({.uid = 0}));
  EXPECT_TRUE(matches({.netns = 99}));
  EXPECT_FALSE(matches({.netns = 98}));
  EXPECT_TRUE(matches({.any_ports = {{443, 443}}}));
  EXPECT_TRUE(matches({.any_ports = {{48000, 48200}}}));
  EXPECT_FALSE(matches({.any_ports = {{80, 80}}}));
  EXPECT_FALSE(matches({.local_ports = {{443, 443}}}));
  EXPECT_TRUE(matches({.local_ports = {{48122, 48122}}}));
  EXPECT_TRUE(matches({.remote_ports = {{1, 2}, {443, 444}}}));
  EXPECT_FALSE(matches({.remote_ports = {{444, 500}}}));
  EXPECT_TRUE(matches({.family = 4}));
  EXPECT_FALSE(matches({.family = 6}));
  EXPECT_TRUE(matches({.protocol = Protocol::kTcp}));
  EXPECT_FALSE(matches({.protocol = Protocol::kUdp}));
}

TEST(FlowMatcher, AnIpv6SocketThatTakesIpv4IsOfBoth) {
  Flow flow = sample();
  flow.local.addr = {.family = 6};
  const auto of_ipv4 = [&] { return (*FlowMatcher::compile({.family = 4}))(flow); };
  EXPECT_FALSE(of_ipv4());
  flow.ipv6_only = true;
  EXPECT_FALSE(of_ipv4());
  flow.ipv6_only = false;
  EXPECT_TRUE(of_ipv4());
  EXPECT_TRUE((*FlowMatcher::compile({.family = 6}))(flow));
  flow.local.addr.bytes[15] = 1;  // a socket on [::1] does not accept IPv4
  EXPECT_FALSE(of_ipv4());
}

TEST(FlowMatcher, AllConditionsMustHold) {
  EXPECT_TRUE(matches({.pids = {7}, .comm = "curl", .remote_ports = {{443, 443}}}));
  EXPECT_FALSE(matches({.pids = {7}, .comm = "curl", .remote_ports = {{80, 80}}}));
}

TEST(FlowMatcher, UnknownUserMatchesNoUser) {
  Flow flow = sample();
  flow.owner.uid.reset();
  EXPECT_FALSE((*FlowMatcher::compile({.uid = 0}))(flow));
}

TEST(FlowMatcher, ABadExpressionIsAnError) {
  const auto matcher = FlowMatcher::compile({.comm = "/(/"});
  ASSERT_FALSE(matcher);
  EXPECT_EQ(matcher.error().kind(), ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace sockscope
