// SPDX-License-Identifier: Apache-2.0
#include "model/remote_health.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

Event answer(std::uint8_t server, std::uint64_t second, std::optional<std::uint64_t> latency_us,
             std::uint16_t rcode = dns::kNoError, std::string name = "www.example.net") {
  Event event;
  event.mono_ns = second * kSecond;
  event.flow.remote = {{{192, 0, 2, server}, 4}, dns::kPort};
  auto message = std::make_shared<DnsMessage>();
  message->is_answer = true;
  message->latency_us = latency_us;
  message->rcode = rcode;
  message->name = std::move(name);
  event.what = event::Dns{.sent = false, .message = std::move(message)};
  return event;
}

Event unanswered(std::uint8_t server, std::uint64_t second, std::string name) {
  Event event = answer(server, second, {}, dns::kNoError, std::move(name));
  auto message = std::make_shared<DnsMessage>(*std::get<event::Dns>(event.what).message);
  message->is_answer = false;
  message->is_unanswered = true;
  event.what = event::Dns{.sent = true, .message = std::move(message)};
  return event;
}

TEST(RemoteHealth, NameServersByTheirAnswers) {
  RemoteHealth health;
  for (const std::uint64_t latency : {9'000u, 1'000u, 2'000u})
    health.take(answer(53, 100, latency));
  health.take(answer(53, 101, {}));  // its query was not seen
  health.take(answer(53, 101, 500, 2 /* SERVFAIL */));
  health.take(answer(53, 101, 400, dns::kNxDomain));
  health.take(unanswered(53, 101, "www.example.net"));
  health.take(unanswered(54, 101, "www.example.net"));
  const auto servers = health.name_servers(101 * kSecond);
  ASSERT_EQ(servers.size(), 2u);
  EXPECT_EQ(servers[0].server, "192.0.2.53");
  EXPECT_EQ(servers[0].answered, 6u);
  EXPECT_EQ(servers[0].refused, 1u);
  EXPECT_EQ(servers[0].unanswered, 1u);
  EXPECT_EQ(servers[0].median_us, 1'000u);
  EXPECT_EQ(servers[1].unanswered, 1u);
  EXPECT_FALSE(servers[1].median_us);
  EXPECT_EQ(health.name_servers(160 * kSecond + kSecond / 2).at(0).answered, 3u);
  EXPECT_TRUE(health.name_servers(200 * kSecond).empty());
}

// Queries alone do not count, nor does what a server on this host receives and answers.
TEST(RemoteHealth, OnlyWhatThisHostAsked) {
  RemoteHealth health;
  Event query = answer(53, 1, {});
  auto message = std::make_shared<DnsMessage>();
  query.what = event::Dns{.sent = true, .message = message};
  health.take(query);
  Event served = answer(53, 1, 5);
  std::swap(served.flow.local, served.flow.remote);
  std::get<event::Dns>(served.what).sent = true;
  health.take(served);
  EXPECT_TRUE(health.name_servers(kSecond).empty());
  EXPECT_TRUE(health.failed_names().empty());
}

TEST(RemoteHealth, FailuresByNameAndByAddress) {
  RemoteHealth health;
  health.take(answer(53, 1, 5, dns::kNxDomain, "no.example"));
  health.take(answer(53, 2, 5, dns::kNoError, "is.example"));
  health.take(unanswered(53, 3, "no.example"));
  ASSERT_EQ(health.failed_names().size(), 1u);
  const RepeatedFailure& name = health.failed_names().at("no.example");
  EXPECT_EQ(name.times, 2u);
  EXPECT_EQ(name.first_ns, kSecond);
  EXPECT_EQ(name.last_ns, 3 * kSecond);
  EXPECT_EQ(name.why, "no answer");

  Event failed;
  failed.mono_ns = 5 * kSecond;
  failed.flow.remote = {{{192, 0, 2, 9}, 4}, 443};
  failed.flow.owner.pid = 12;
  failed.what = event::ConnectFailed{.error = ECONNREFUSED};
  health.take(failed);
  ASSERT_EQ(health.failed_addresses().size(), 1u);
  const RepeatedFailure& address = health.failed_addresses().at("192.0.2.9");
  EXPECT_EQ(address.why, "ECONNREFUSED");
  EXPECT_EQ(address.owner.pid, 12u);
  // A failure that comes much later begins a new count.
  failed.mono_ns += RemoteHealth::kKept + 1;
  health.take(failed);
  EXPECT_EQ(health.failed_addresses().begin()->second.times, 1u);
}

TEST(RemoteHealth, IsBounded) {
  RemoteHealth health;
  for (std::uint64_t i = 0; i < 3 * RemoteHealth::kMostFailures; ++i) {
    health.take(answer(static_cast<std::uint8_t>(i % 200), 1 + i / 100, 5, dns::kNxDomain,
                       "n" + std::to_string(i)));
    health.take(answer(7, 1 + i / 100, 5));
  }
  EXPECT_EQ(health.failed_names().size(), RemoteHealth::kMostFailures);
  EXPECT_TRUE(
      health.failed_names().contains("n" + std::to_string(3 * RemoteHealth::kMostFailures - 1)));
  EXPECT_LE(health.name_servers(16 * kSecond).size(), RemoteHealth::kMostServers);
  for (const NameServerHealth& each : health.name_servers(16 * kSecond))
    EXPECT_LE(each.answered, RemoteHealth::kMostAnswers);
}

}  // namespace
}  // namespace sockscope
