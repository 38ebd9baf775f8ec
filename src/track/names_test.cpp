// SPDX-License-Identifier: Apache-2.0
#include "track/names.h"

#include <gtest/gtest.h>

#include "track/dns_queries.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

Address address(std::uint8_t last, std::uint8_t third = 2) {
  return {.bytes = {192, 0, third, last}, .family = 4};
}

DnsAnswer points_to(std::string name, const Address& where, std::uint32_t ttl_s = 60) {
  return {.name = std::move(name), .type = dns::kA, .ttl_s = ttl_s, .address = where, .target = {}};
}

DnsAnswer alias(std::string name, std::string target, std::uint32_t ttl_s = 60) {
  return {.name = std::move(name),
          .type = dns::kCname,
          .ttl_s = ttl_s,
          .address = {},
          .target = std::move(target)};
}

Event dns_event(std::uint32_t pid, std::uint64_t at_ns, std::string name,
                std::vector<DnsAnswer> answers, bool is_answer = true) {
  DnsMessage message;
  message.id = 7;
  message.is_answer = is_answer;
  message.type = dns::kA;
  message.name = std::move(name);
  message.answers = std::move(answers);
  Event event;
  event.mono_ns = at_ns;
  event.flow.cookie = pid;
  event.flow.netns = 1;
  event.flow.owner.pid = pid;
  event.flow.remote = {address(53), 53};
  event.what =
      event::Dns{.sent = false, .message = std::make_shared<DnsMessage>(std::move(message))};
  return event;
}

Flow flow_to(const Address& where, std::uint32_t pid, std::uint64_t opened_ns) {
  Flow flow;
  flow.netns = 1;
  flow.owner.pid = pid;
  flow.direction = Direction::kOutbound;
  flow.remote = {where, 443};
  flow.opened_ns = opened_ns;
  return flow;
}

std::string name_of(RemoteNames& names, const Flow& flow) {
  const auto found = names.find(flow);
  return found ? std::string(to_string(found->source)) + ' ' + found->name : "";
}

TEST(RemoteNames, AliasesLeadBackToWhatWasAsked) {
  RemoteNames names;
  names.learn(dns_event(
      1, kSecond, "WWW.Example.com",
      {alias("www.example.com", "a.example.net", 30), alias("A.example.net", "b.example.org", 90),
       points_to("b.example.org", address(1)), points_to("b.example.org", address(2)),
       points_to("bank.example", address(3))}));
  EXPECT_EQ(name_of(names, flow_to(address(1), 1, 2 * kSecond)), "process www.example.com");
  EXPECT_EQ(name_of(names, flow_to(address(2), 1, 2 * kSecond)), "process www.example.com");
  EXPECT_EQ(name_of(names, flow_to(address(3), 1, 2 * kSecond)), "");  // nobody asked for it
  EXPECT_EQ(names.find(flow_to(address(1), 1, 2 * kSecond))->ttl_s, 30u);
}

TEST(RemoteNames, AliasesInACircleEnd) {
  RemoteNames names;
  names.learn(dns_event(1, 1, "a", {alias("a", "b"), alias("b", "a"), points_to("c", address(1))}));
  EXPECT_EQ(names.addresses(), 0u);
}

TEST(RemoteNames, TheFlowsOwnProcessComesFirst) {
  RemoteNames names;
  names.learn(dns_event(1, 1 * kSecond, "mine", {points_to("mine", address(1))}));
  names.learn(dns_event(2, 2 * kSecond, "theirs", {points_to("theirs", address(1))}));
  EXPECT_EQ(name_of(names, flow_to(address(1), 1, 3 * kSecond)), "process mine");
  EXPECT_EQ(name_of(names, flow_to(address(1), 3, 3 * kSecond)), "host theirs");
  Flow inbound = flow_to(address(1), 1, 3 * kSecond);
  inbound.direction = Direction::kInbound;
  EXPECT_EQ(name_of(names, inbound), "");
}

// Blocklists answer with such addresses.
TEST(RemoteNames, WhatOthersCallALoopbackAddressIsNoNameOfIt) {
  RemoteNames names;
  const Address home{.bytes = {127, 0, 0, 1}, .family = 4};
  names.learn(dns_event(1, kSecond, "blocked.example", {points_to("blocked.example", home)}));
  EXPECT_EQ(name_of(names, flow_to(home, 1, 2 * kSecond)), "process blocked.example");
  EXPECT_EQ(name_of(names, flow_to(home, 3, 2 * kSecond)), "");
}

TEST(RemoteNames, OtherNamespacesKnowOnlyWhatGlobalAddressesAreCalled) {
  RemoteNames names;
  const Address home{.bytes = {192, 168, 0, 1}, .family = 4};
  names.learn(dns_event(1, kSecond, "printer", {points_to("printer", home)}));
  names.learn(dns_event(1, kSecond, "cdn", {points_to("cdn", address(1))}));
  Flow elsewhere = flow_to(home, 3, 2 * kSecond);
  EXPECT_EQ(name_of(names, elsewhere), "host printer");
  elsewhere.netns = 2;
  EXPECT_EQ(name_of(names, elsewhere), "");
  elsewhere.remote.addr = address(1);
  EXPECT_EQ(name_of(names, elsewhere), "host cdn");

  Event theirs = dns_event(4, kSecond, "theirs", {points_to("theirs", address(1))});
  theirs.flow.netns = 2;
  names.learn(theirs);
  names.learn(dns_event(1, kSecond, "later", {points_to("later", address(1))}));
  EXPECT_EQ(name_of(names, elsewhere), "host theirs");
}

TEST(RemoteNames, ANameIsOfItsTime) {
  RemoteNames names;
  const auto ask = [&](std::uint64_t at, const char* name) {
    names.learn(dns_event(1, at * kSecond, name, {points_to(name, address(1))}));
  };
  ask(1, "first");
  ask(3, "second");
  ask(5, "first");
  EXPECT_EQ(name_of(names, flow_to(address(1), 1, kSecond / 2)), "");
  EXPECT_EQ(name_of(names, flow_to(address(1), 1, 2 * kSecond)), "process first");
  EXPECT_EQ(name_of(names, flow_to(address(1), 1, 4 * kSecond)), "process second");
  EXPECT_EQ(name_of(names, flow_to(address(1), 1, 6 * kSecond)), "process first");
  Flow udp = flow_to(address(1), 1, kSecond / 2);
  udp.protocol = Protocol::kUdp;  // made before the query
  EXPECT_EQ(name_of(names, udp), "process first");
}

TEST(RemoteNames, AFloodForgetsWhatIsOutOfUse) {
  RemoteNames names;
  names.learn(dns_event(1, 1, "used", {points_to("used", address(1, 9))}));
  for (std::uint32_t i = 0; i < 5 * RemoteNames::kMostAddresses; ++i) {
    Address where{.bytes = {10, static_cast<std::uint8_t>(i >> 16),
                            static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)},
                  .family = 4};
    names.learn(dns_event(2, 2 + i, "flood", {points_to("flood", where)}));
    ASSERT_LE(names.addresses(), RemoteNames::kMostAddresses);
    if (i % 1000 == 0) {
      ASSERT_EQ(name_of(names, flow_to(address(1, 9), 1, 2)), "process used");
    }
  }
}

TEST(DnsQueries, AnAnswerMeetsItsQueryOnce) {
  DnsQueries queries;
  EXPECT_FALSE(queries.note(dns_event(1, kSecond, "Name", {}, false)));
  EXPECT_FALSE(queries.note(dns_event(1, 2 * kSecond, "name", {}, false)));  // asked again
  EXPECT_FALSE(queries.note(dns_event(2, 3 * kSecond, "name", {})));         // another socket
  EXPECT_FALSE(queries.note(dns_event(1, 3 * kSecond, "other", {})));
  EXPECT_EQ(queries.note(dns_event(1, 3 * kSecond, "nAME", {})), 2 * kSecond);
  EXPECT_FALSE(queries.note(dns_event(1, 3 * kSecond, "name", {})));
}

TEST(DnsQueries, WhatThisHostAskedInVainIsHandedOverOnceInOrder) {
  DnsQueries queries;
  const auto ask = [&](std::uint32_t cookie, std::uint64_t at_ns, const char* name, bool sent) {
    Event query = dns_event(cookie, at_ns, name, {}, false);
    std::get<event::Dns>(query.what).sent = sent;
    queries.note(query);
  };
  std::vector<std::string> unanswered;
  const auto advance = [&](std::uint64_t now_ns) {
    unanswered.clear();
    queries.advance(now_ns, [&](const Event& query) {
      unanswered.push_back(std::get<event::Dns>(query.what).message->name);
    });
  };
  EXPECT_EQ(queries.next_ns(), ~std::uint64_t{0});
  ask(1, kSecond, "first", true);
  ask(2, kSecond, "of-a-client", false);
  ask(3, 2 * kSecond, "answered", true);
  ask(4, 3 * kSecond, "second", true);
  ask(1, 4 * kSecond, "first", true);  // asked again: the first counts
  queries.note(dns_event(3, 4 * kSecond, "answered", {}));
  EXPECT_EQ(queries.next_ns(), 6 * kSecond);
  advance(6 * kSecond);
  EXPECT_EQ(unanswered, std::vector<std::string>{});
  advance(9 * kSecond);
  EXPECT_EQ(unanswered, (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(queries.size(), 0u);
  ask(1, 9 * kSecond, "first", true);
  advance(15 * kSecond);
  EXPECT_EQ(unanswered, std::vector<std::string>{"first"});
}

TEST(DnsQueries, OldQueriesAreForgottenAndAFloodIsBounded) {
  DnsQueries queries;
  queries.note(dns_event(1, kSecond, "slow", {}, false));
  EXPECT_FALSE(queries.note(dns_event(1, 7 * kSecond, "slow", {})));
  for (std::uint32_t i = 0; i < 4 * DnsQueries::kMost; ++i) {
    queries.note(dns_event(i + 1, 8 * kSecond, "flood", {}, false));
    ASSERT_LE(queries.size(), DnsQueries::kMost);
  }
  queries.advance(20 * kSecond, [](const Event&) {});
  EXPECT_EQ(queries.size(), 0u);
}

}  // namespace
}  // namespace sockscope
