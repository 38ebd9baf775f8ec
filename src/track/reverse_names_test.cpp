// SPDX-License-Identifier: Apache-2.0
#include "track/reverse_names.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
const Endpoint kServer{{.bytes = {192, 0, 2, 53}, .family = 4}, 53};

Address address(std::uint32_t number) {
  return {.bytes = {10, static_cast<std::uint8_t>(number >> 16),
                    static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)},
          .family = 4};
}

DnsAnswer record(std::string owner, std::uint16_t type, std::string target,
                 std::uint32_t ttl_s = 120) {
  return {.name = std::move(owner),
          .type = type,
          .ttl_s = ttl_s,
          .address = {},
          .target = std::move(target)};
}

DnsMessage answer(const ReverseNames::Question& question, std::vector<DnsAnswer> records,
                  std::uint16_t rcode = dns::kNoError) {
  DnsMessage message;
  message.id = question.id;
  message.is_answer = true;
  message.rcode = rcode;
  message.type = dns::kPtr;
  message.name = reverse_name(question.address);
  message.answers = std::move(records);
  return message;
}

std::string name_of(ReverseNames& names, const Address& of, std::uint64_t now_ns) {
  const auto found = names.find(of, now_ns);
  return found ? found->name : "";
}

TEST(ReverseNames, NamesOfAddresses) {
  EXPECT_EQ(reverse_name({.bytes = {192, 0, 2, 80}, .family = 4}), "80.2.0.192.in-addr.arpa");
  Address v6{.bytes = {0x20, 0x01, 0x0d, 0xb8}, .family = 6};
  v6.bytes[15] = 0x8f;
  EXPECT_EQ(reverse_name(v6),
            "f.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

TEST(ReverseNames, AskedOnceAndAgainWhenItIsOld) {
  ReverseNames names;
  EXPECT_EQ(name_of(names, address(1), kSecond), "");
  EXPECT_EQ(name_of(names, address(1), kSecond), "");
  const auto question = names.next(7, kSecond);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->id, 7);
  EXPECT_FALSE(names.next(8, kSecond));
  names.take(answer(*question, {record("1.0.0.10.in-addr.arpa", dns::kPtr, "Host.Example")}),
             kServer, 2 * kSecond);
  EXPECT_TRUE(names.is_idle());
  const auto known = names.find(address(1), 3 * kSecond);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->name, "host.example");
  EXPECT_EQ(known->source, NameSource::kReverse);
  EXPECT_EQ(known->ttl_s, 120u);
  EXPECT_EQ(known->server, kServer);
  EXPECT_TRUE(names.is_idle());
  EXPECT_EQ(name_of(names, address(1), 123 * kSecond), "host.example");  // and is asked again
  EXPECT_FALSE(names.is_idle());
}

TEST(ReverseNames, AliasesLeadToTheRecord) {
  ReverseNames names;
  names.find(address(1), 1);
  const auto question = names.next(1, 1);
  names.take(answer(*question, {record("1.0.0.10.in-addr.arpa", dns::kCname, "1.sub.example"),
                                record("1.sub.example", dns::kPtr, "right"),
                                record("2.sub.example", dns::kPtr, "wrong")}),
             kServer, 2);
  EXPECT_EQ(name_of(names, address(1), 3), "right");
}

TEST(ReverseNames, WhatWasNotAskedIsDropped) {
  ReverseNames names;
  names.find(address(1), 1);
  const auto question = names.next(1, 1);
  const std::vector<DnsAnswer> records = {record("1.0.0.10.in-addr.arpa", dns::kPtr, "evil")};
  DnsMessage other = answer(*question, records);
  other.id = 2;
  names.take(other, kServer, 2);
  other = answer(*question, records);
  other.name = "2.0.0.10.in-addr.arpa";
  names.take(other, kServer, 2);
  other = answer(*question, records);
  other.is_answer = false;
  names.take(other, kServer, 2);
  EXPECT_FALSE(names.is_idle());
  EXPECT_EQ(name_of(names, address(1), 3), "");
  names.take(answer(*question, {record("3.0.0.10.in-addr.arpa", dns::kPtr, "evil")}), kServer, 2);
  EXPECT_EQ(name_of(names, address(1), 3), "");
}

TEST(ReverseNames, NoAnswerNoNameAndRefusalAreGivenUp) {
  ReverseNames names;
  names.find(address(1), kSecond);
  ASSERT_EQ(names.next(1, kSecond)->attempt, 0u);
  EXPECT_EQ(names.deadline_ns(), 3 * kSecond);
  names.expire(3 * kSecond - 1);
  EXPECT_FALSE(names.next(1, kSecond));
  names.expire(3 * kSecond);
  ASSERT_EQ(names.next(1, 3 * kSecond)->attempt, 1u);
  names.expire(5 * kSecond);
  EXPECT_TRUE(names.is_idle());
  EXPECT_EQ(names.deadline_ns(), 0u);

  names.find(address(2), kSecond);
  const auto question = names.next(1, kSecond);
  names.take(answer(*question, {}, 2), kServer, kSecond);  // SERVFAIL
  names.take(answer(*names.next(1, kSecond), {}, dns::kNxDomain), kServer, kSecond);
  EXPECT_TRUE(names.is_idle());
  for (const std::uint32_t known : {1u, 2u}) names.find(address(known), 200 * kSecond);
  EXPECT_TRUE(names.is_idle());
  for (const std::uint32_t known : {1u, 2u}) names.find(address(known), 400 * kSecond);
  EXPECT_FALSE(names.is_idle());
}

TEST(ReverseNames, AFloodIsBounded) {
  ReverseNames names;
  for (std::uint32_t i = 0; i < 5 * ReverseNames::kMostAddresses; ++i) {
    names.find(address(i), 1);
    ASSERT_LE(names.addresses(), ReverseNames::kMostAddresses);
  }
  std::size_t sent = 0;
  while (names.next(0, 1)) ++sent;
  EXPECT_EQ(sent, ReverseNames::kMostAtOnce);
  while (!names.is_idle()) {  // each is asked twice, not more
    names.expire(1 + ++sent * ReverseNames::kPatienceNs);
    while (names.next(0, 1 + sent * ReverseNames::kPatienceNs)) continue;
    ASSERT_LT(sent, 3 * ReverseNames::kMostWaiting);
  }
}

}  // namespace
}  // namespace sockscope
